"""The ledger's invariants hold, and whoever breaks one is named."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import psycopg
import pytest

from linkage.adapters.postgres.connection import connect
from linkage.adapters.postgres.read.verify import Check, verify
from linkage.contracts.signals import RunRecord
from linkage.domain.facts import FactBatch, Window
from linkage.domain.snapshots import make_run_id
from linkage.runtime.settings import DatabaseSettings
from tests.support.events import NOW, SNAPSHOT_A, fill, native_id, order, our_key, signal
from tests.support.ledger import LedgerDatabase, ToldLedger

A, B, C = native_id(1), native_id(2), native_id(3)
RUN = RunRecord(
    run_id=make_run_id("matrix", NOW), bot_id="sighook", strategy="matrix", snapshot_id=SNAPSHOT_A,
    scheduled_at=NOW, started_at=NOW, duration_ms=1, symbols_seen=1, signals_sent=1,
)  # fmt: skip


@pytest.fixture
def ledger(ledger_database: LedgerDatabase) -> LedgerDatabase:
    """A ledger with a link, a child, a conflict, two versions of a fill and an activation."""
    told = ToldLedger.open(ledger_database)
    told.tell(
        signal(our_key(1))[1],
        order(A, "filled", client_order_id=our_key(1)),
        fill(A),
        fill(A, quantity="2"),
        order(B, "filled", side="sell", parent_order_id=A),
        fill(C, client_order_id=our_key(1), symbol="ETH-USD"),
    )
    told.ledger.record(FactBatch(runs=[RUN.fact_text()]))
    told.ledger.maintain(Window(NOW, NOW + timedelta(hours=1)))
    told.close()
    return ledger_database


def found(database: LedgerDatabase) -> Sequence[Check]:
    with connect(DatabaseSettings(**database.settings("reader"))) as connection:
        return verify(connection)


def test_all_invariants_hold_and_each_was_checked_on_rows(ledger: LedgerDatabase) -> None:
    checks = found(ledger)
    assert [check for check in checks if not check.holds] == []
    assert min(check.rows for check in checks) >= 1
    assert {check.name: check.rows for check in checks}["every order is what its facts say"] == 3


@pytest.mark.parametrize(
    ("tampering", "offender", "names"),
    [
        ("UPDATE fills SET price = 7 WHERE quantity = 2", A, ("every order", "every fill is as")),
        ("DELETE FROM fills WHERE quantity = 2", A, ("every order", "every disagreement")),
        ("UPDATE order_events SET status = 'open' WHERE side = 'sell'", B, ("every order",)),
        ("DELETE FROM order_events WHERE side = 'sell'", B, ("every order",)),
        ("UPDATE trade_records SET filled_quantity = 9 WHERE side = 'sell'", B, ("every order",)),
        ("DELETE FROM trade_strategy_link WHERE method = 'parent'", B, ("every link",)),
        ("UPDATE trade_strategy_link SET buy_score = 9 WHERE method = 'key'", A, ("every link",)),
        ("UPDATE strategy_signals SET side = 'sell'", A, ("every link", "every veto")),
        ("DELETE FROM link_vetoes", C, ("every veto",)),
        (
            "DELETE FROM fill_receipts WHERE fill_id = 't1' AND client_order_id IS NULL",
            A,
            ("every fill has",),
        ),
        (
            "UPDATE fill_receipts SET liquidity = 'taker' WHERE client_order_id IS NULL",
            A,
            ("every receipt",),
        ),
        ("DELETE FROM strategy_snapshots", str(SNAPSHOT_A), ("every snapshot that",)),
        ("UPDATE strategy_snapshots SET strategy = 'x'", str(SNAPSHOT_A), ("every snapshot is",)),
        ("UPDATE strategy_activations SET activated_at = now()", "matrix/main", ("every activation",)),
        ("UPDATE rolled_rates SET counts = '[]' WHERE counts <> '[]'", "2026-11-22", ("every rate",)),
    ],
)
def test_a_row_that_somebody_changed_is_named(
    ledger: LedgerDatabase, tampering: str, offender: str, names: tuple[str, ...]
) -> None:
    with psycopg.connect(ledger.server.dsn(database=ledger.name), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(tampering.encode()).rowcount > 0
    broken = [check for check in found(ledger) if not check.holds]
    for name in names:
        (check,) = [each for each in broken if each.name.startswith(name)]
        assert any(offender in each for each in check.offenders)
        assert check.offences >= 1
