"""Two things at once: the moment at which they meet is forced, never waited for by the clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.ledger import LedgerDatabase


def wait_until_blocked(database: LedgerDatabase, number: int = 1) -> None:
    """Return when that many sessions of the database wait for a lock."""
    question = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = %s AND cardinality(pg_blocking_pids(pid)) > 0
    """
    while database.rows(question, database.name)[0][0] < number:
        pass


@contextmanager
def running(work: Callable[[], object]) -> Iterator[list[Any]]:
    """Do work in another thread and join it at the end; its result is the list's only element."""
    results: list[Any] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield results
    finally:
        thread.join(timeout=60)
    assert not failures, failures
