"""Fixtures that every test may use: one PostgreSQL for all, one migrated database for each."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from local.postgres import PostgresServer
from tests.support.ledger import LedgerDatabase, create_template
from tests.support.seeds import NAMED, seed

LONGEST_FIRST = ("e2e", "proofs", "infra", "scenarios")


def pytest_report_header() -> list[str]:
    """Say what is not collected here, and why."""
    from tests.cases.conftest import CASES
    from tests.strategies.matrix.conftest import REAL_CANDLES
    from tests.support.browser import find_browser

    left_out = []
    if find_browser() is None:
        left_out.append("not collected: tests of the mail in a browser, for want of a Chromium")
    if not REAL_CANDLES.is_dir():
        left_out.append("not collected: tests over real candles, which are not beside this checkout")
    if not CASES.is_dir():
        left_out.append("not collected: tests over reported cases, which are not beside this checkout")
    if sys.platform != "linux":
        left_out.append("not collected: tests of the kernel's parent-death signal, which is Linux's")
    if os.geteuid() != 0:
        left_out.append("not collected: tests of the database that root starts, which only root can run")
    return left_out


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let several workers begin with the files that take longest: one of those at the end is waited for.

    Where a seed is named, every property test begins with it.
    """
    if hasattr(config, "workerinput"):
        items.sort(key=_place)
    if NAMED is not None:
        for item in items:
            test = getattr(item, "obj", None)
            if test is not None and getattr(test, "is_hypothesis_test", False):
                hypothesis.seed(seed())(test)


def _place(item: pytest.Item) -> int:
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL over TLS with a login per role."""
    server = PostgresServer(Path(tmp_path_factory.mktemp("postgres")))
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def ledger_template(postgres_server: PostgresServer) -> str:
    """The name of a migrated, empty database that others are copied from."""
    return create_template(postgres_server)


@pytest.fixture
def ledger_database(postgres_server: PostgresServer, ledger_template: str) -> Iterator[LedgerDatabase]:
    """A migrated, empty database of this test's own."""
    database = LedgerDatabase.create(postgres_server, ledger_template)
    try:
        yield database
    finally:
        database.drop()
