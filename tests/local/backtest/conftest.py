"""A folder of simulated candles, and ledgers for backtests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo.market import prepare
from demo.sources import from_simulation
from local.backtest.ledger import OwnLedger
from local.postgres import PostgresServer
from tests.strategies.matrix.conftest import REAL_CANDLES
from tests.support.ledger import LedgerDatabase

collect_ignore = [] if REAL_CANDLES.is_dir() else ["test_real_candles.py"]


@pytest.fixture(scope="session")
def candle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulated candles that end at 2026-11-22T12:00Z; 380 bars are before it."""
    candles, source = from_simulation(7, bars=60)
    now = datetime(2026, 11, 22, 12, 2, tzinfo=UTC)
    folder = tmp_path_factory.mktemp("candles") / "market"
    return prepare(candles, folder, source=source, now=now, bars=60).folder


@pytest.fixture
def new_ledger(postgres_server: PostgresServer, ledger_template: str) -> Iterator[Callable[[], OwnLedger]]:
    """Make an empty ledger, as often as it is called."""
    made: list[tuple[OwnLedger, LedgerDatabase]] = []

    def make() -> OwnLedger:
        database = LedgerDatabase.create(postgres_server, ledger_template)
        made.append((OwnLedger.connect(postgres_server, database.name), database))
        return made[-1][0]

    yield make
    for ledger, database in made:
        ledger.close()
        database.drop()
