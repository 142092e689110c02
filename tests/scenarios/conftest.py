"""A world for a scenario, or as many as it compares."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Protocol

import pytest

from local.postgres import PostgresServer
from tests.proofs.counting import tally
from tests.scenarios.world import Expiry, World
from tests.support.dynamodb import moto_account
from tests.support.ledger import LedgerDatabase

SHORT_CUT = "LINKAGE_PROOF_SHORT_CUT" in os.environ
"""Whether scenarios call moto without HTTP: for runs that try them many times over."""

SIZE = os.environ.get("LINKAGE_PROOF_EXPIRY", "hot")
POLICIES: tuple[Expiry, ...] = ("present", "late", "at once")
HOT = ("03", "05", "07", "12", "19", "26", "27", "28")
"""The scenarios whose answers come from the hot store, by number."""


class NewWorld(Protocol):
    """Deploys another world; it is the active one from then on."""

    def __call__(self, *, short_cut: bool = ...) -> World:
        """See ``World.create``."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try scenarios under each policy of expiry: those whose answers come from the hot store, or all."""
    if "new_world" not in metafunc.fixturenames or SIZE == "one":
        return
    number = metafunc.function.__name__[len("test_scenario_") :][:2]
    if SIZE == "all" or number in HOT:
        metafunc.parametrize("expiry", POLICIES, indirect=True)


@pytest.fixture
def expiry(request: pytest.FixtureRequest) -> Expiry:
    """When DynamoDB deletes what has expired."""
    policy: Expiry = getattr(request, "param", "present")
    tally("scenarios", **{f"tests_with_expired_items_{'deleted ' if policy != 'present' else ''}{policy}": 1})
    return policy


@pytest.fixture(scope="session")
def used_databases() -> list[LedgerDatabase]:
    """Ledgers of worlds that are over: another one may have them, once they are emptied."""
    return []


@pytest.fixture
def new_world(
    postgres_server: PostgresServer,
    ledger_template: str,
    used_databases: list[LedgerDatabase],
    expiry: Expiry,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[NewWorld]:
    """Deploy another world; it is the active one from then on."""
    worlds: list[World] = []

    def create(*, short_cut: bool = SHORT_CUT) -> World:
        if worlds:
            worlds[-1].close()
        if used_databases:
            database = used_databases.pop()
            database.empty()
        else:
            database = LedgerDatabase.create(postgres_server, ledger_template)
        worlds.append(World.create(database, monkeypatch, short_cut=short_cut, expiry=expiry))
        return worlds[-1]

    with moto_account():
        try:
            yield create
        finally:
            for world in worlds[-1:]:
                world.close()
            for world in worlds:
                world.database.close()
                used_databases.append(world.database)


@pytest.fixture
def world(new_world: NewWorld) -> World:
    """One world."""
    return new_world()
