"""Fixtures of the ledger's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.ledger import LedgerDatabase, ToldLedger


@pytest.fixture
def told(ledger_database: LedgerDatabase) -> Iterator[ToldLedger]:
    """An empty ledger to tell facts to."""
    ledger = ToldLedger.open(ledger_database)
    yield ledger
    ledger.close()
