from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from linkage.adapters.postgres.connection import LedgerConnection
from linkage.adapters.postgres.read.reader import PostgresLedgerReader
from linkage.contracts.report import RatesDocument, ReportDocument
from linkage.domain.errors import LedgerUnavailableError
from linkage.domain.facts import Window
from linkage.runtime.settings import DatabaseSettings
from tests.support.ledger import LedgerDatabase
from tests.support.ledger_rows import END, SET_B, START, LedgerRows, minute

WINDOW = Window(START, END)

FIRST_OPERATOR_QUERY = """
SELECT COUNT(*) AS total_trades, COUNT(tsl.order_id) AS linked_trades
FROM trade_records tr LEFT JOIN trade_strategy_link tsl ON tr.order_id = tsl.order_id
WHERE tr.order_time >= %s AND tr.order_time < %s AND tr.status IN ('filled', 'done')
"""


@pytest.fixture
def rows(ledger_database: LedgerDatabase) -> LedgerRows:
    return LedgerRows(ledger_database)


@pytest.fixture
def reader(ledger_database: LedgerDatabase) -> Iterator[PostgresLedgerReader]:
    connection = LedgerConnection(DatabaseSettings(**ledger_database.settings("reader")))
    try:
        yield PostgresLedgerReader(connection)
    finally:
        connection.close()


def report_of(reader: PostgresLedgerReader, window: Window = WINDOW) -> ReportDocument:
    return ReportDocument.model_validate(reader.report(window))


def rates_of(reader: PostgresLedgerReader, window: Window = WINDOW) -> RatesDocument:
    return RatesDocument.model_validate(reader.rates(window))


@pytest.fixture
def mixed(rows: LedgerRows) -> LedgerRows:
    """Two bots, live; three linked orders, one of each way not to be, and one resting order."""
    rows.bot("grid1")
    rows.bot("quiet", expects_signals="no")
    rows.snapshot()
    rows.snapshot(SET_B, label=None)
    rows.linked("a", 10)
    rows.linked("b", 20, side="sell", symbol="ETH-EUR", fee_currency="EUR", notional="50")
    rows.linked("c", 30, snapshot_id=SET_B, status="done")
    rows.order("lost", 40)
    rows.order("vetoed", 50, client_order_id="k")
    rows.insert("link_vetoes", {"order_id": "vetoed", "client_order_id": "k", "reason": "side"})
    rows.order("new", 60, first_recorded_at="now")
    rows.order("quiet", 70, account="quiet")
    rows.order("manual", 80, account="elsewhere", origin="manual")
    rows.order("open", 90, status="open", filled_quantity=0)
    rows.order("trial", 95, status="test")
    rows.signal("unanswered", 100)
    rows.signal("held", 110, disposition="suppressed", guardrail="cooldown")
    return rows


def test_the_three_rates_have_their_counts_and_pending_is_apart(
    mixed: LedgerRows, reader: PostgresLedgerReader
) -> None:
    document = rates_of(reader)
    live = next(each for each in document.modes if each.mode == "live")
    assert (live.expected.part, live.expected.whole) == (3, 5)
    assert live.expected.percent == "60.0"
    assert (live.pending, live.lost, live.conflict) == (1, 1, 1)
    assert (live.executed.part, live.executed.whole) == (3, 7)
    assert (live.signals.part, live.signals.whole, live.signals_suppressed) == (3, 4, 1)


def test_all_executed_orders_linked_is_what_the_operators_query_gives(
    mixed: LedgerRows, reader: PostgresLedgerReader
) -> None:
    total, linked = mixed.database.rows(FIRST_OPERATOR_QUERY, START, END)[0]
    modes = rates_of(reader).modes
    assert (sum(m.executed.whole for m in modes), sum(m.executed.part for m in modes)) == (total, linked)


def test_orders_of_unknown_accounts_stand_in_a_mode_of_their_own(
    mixed: LedgerRows, reader: PostgresLedgerReader
) -> None:
    assert [(m.mode, m.executed.whole) for m in rates_of(reader).modes] == [("live", 7), ("unknown", 1)]


def test_the_window_is_half_open(rows: LedgerRows, reader: PostgresLedgerReader) -> None:
    rows.bot("grid1")
    rows.snapshot()
    rows.linked("at-start", 0)
    rows.linked("at-end", 360)
    assert [order.order_id for order in report_of(reader).orders] == ["at-start"]


def test_modes_are_never_summed_and_tests_are_in_no_rate(
    rows: LedgerRows, reader: PostgresLedgerReader
) -> None:
    rows.snapshot()
    for mode in ("live", "paper", "test"):
        rows.bot(f"bot-{mode}", mode=mode)
        rows.linked(f"order-{mode}", 10, bot=f"bot-{mode}")
    rows.order("trial", 20, status="test", account="bot-live")
    document = report_of(reader)
    assert [mode.mode for mode in document.modes] == ["live", "paper"]
    assert all(mode.rates.executed.whole == 1 for mode in document.modes)
    assert document.test_orders == 2
    assert {order.order_id for order in document.orders} == {"order-live", "order-paper"}
    assert document.orders_total == 2


def test_the_latest_orders_come_first_with_their_evidence(
    mixed: LedgerRows, reader: PostgresLedgerReader
) -> None:
    document = report_of(reader)
    assert [order.order_id for order in document.linked] == ["c", "b", "a"]
    newest = document.linked[0]
    assert (str(newest.buy_score), newest.sell_score, newest.trigger_type) == ("4.5", None, "roc_momo")
    assert (newest.snapshot_id, newest.snapshot_label) == (SET_B, None)
    assert [(order.order_id, order.disposition, order.reason) for order in document.unlinked] == [
        ("manual", "external", None),
        ("quiet", "unsignalled", None),
        ("new", "pending", "no_key"),
        ("vetoed", "conflict", "side"),
        ("lost", "lost", "no_key"),
    ]
    assert [str(order.notional) for order in document.orders if order.order_id == "b"] == ["50"]


def test_five_linked_and_ten_unlinked_are_shown_and_all_are_exported(
    rows: LedgerRows, reader: PostgresLedgerReader
) -> None:
    rows.bot("grid1")
    rows.snapshot()
    for number in range(7):
        rows.linked(f"linked-{number}", number)
    for number in range(12):
        rows.order(f"lost-{number:02}", 20 + number)
    document = report_of(reader)
    assert [order.order_id for order in document.linked] == [f"linked-{number}" for number in (6, 5, 4, 3, 2)]
    assert [order.order_id for order in document.unlinked] == [f"lost-{n:02}" for n in range(11, 1, -1)]
    assert (len(document.orders), document.orders_total) == (19, 19)


def test_dispositions_are_counted_by_reason_with_an_example(
    mixed: LedgerRows, reader: PostgresLedgerReader
) -> None:
    live = report_of(reader).modes[0]
    counted = {(each.disposition, each.reason): each for each in live.dispositions}
    assert counted["linked", None].orders == 3
    assert counted["lost", "no_key"].example == "lost"
    assert counted["lost", "no_key"].first_at == minute(40)


def test_bots_are_counted_and_an_external_order_is_nobodys(
    rows: LedgerRows, reader: PostgresLedgerReader
) -> None:
    rows.bot("grid1", expects_signals="mixed")
    rows.snapshot()
    rows.linked("a", 10)
    rows.order("by-hand", 20)
    bots = {bot.bot_id: bot for bot in report_of(reader).modes[0].bots}
    assert (bots["grid1"].orders, bots["grid1"].linked) == (1, 1)
    assert (bots[None].orders, bots[None].other) == (1, 1)


def test_turnover_is_per_parameter_set_and_currency_and_fees_keep_theirs(
    rows: LedgerRows, reader: PostgresLedgerReader
) -> None:
    rows.bot("grid1")
    rows.snapshot()
    rows.linked("a", 10)
    rows.linked("b", 20, side="sell", notional="300.123456789", fee="0.5")
    rows.linked("c", 30, symbol="BTC-EUR", notional="10", fee="0.0001", fee_currency="BNB")
    rows.linked("d", 40, fee="1", fee_currency=None, fees={"USD": "0.75", "BNB": "0.001"})
    rows.linked("e", 50, notional=None, fee=None, fee_currency=None)
    (each,) = report_of(reader).modes[0].snapshots
    assert (each.buys, each.sells, each.unpriced) == (4, 1, 1)
    assert [(t.currency, str(t.bought), str(t.sold), str(t.fees)) for t in each.turnover] == [
        ("BNB", "0", "0", "0.0011"),
        ("EUR", "10", "0", "0"),
        ("USD", "401", "300.123456789", "1.5"),
    ]
    assert each.parameters == {"strategy": "matrix", "score_buy": "2.5"}


def test_a_lost_order_gets_a_hint_and_no_link(rows: LedgerRows, reader: PostgresLedgerReader) -> None:
    rows.bot("grid1")
    rows.snapshot()
    rows.signal("entry-7", 38)
    rows.signal("too-early", 20)
    rows.signal("other-side", 39, side="sell")
    rows.order("lost", 40)
    document = report_of(reader)
    assert document.unlinked[0].hint == "entry-7"
    assert document.linked == []


def test_what_came_in_late_for_an_earlier_period_is_counted(
    rows: LedgerRows, reader: PostgresLedgerReader
) -> None:
    rows.bot("grid1")
    rows.order("late", -30, first_recorded_at=minute(5))
    rows.order("in-time", -20, first_recorded_at=minute(-19))
    assert report_of(reader).late == 1


def test_an_empty_window_knows_when_something_last_happened(
    rows: LedgerRows, reader: PostgresLedgerReader
) -> None:
    rows.order("yesterday", -1440)
    document = report_of(reader)
    assert document.modes == []
    assert document.liveness.last_order_at == START - timedelta(days=1)
    assert document.liveness.last_run_at is None
    assert document.linking_enabled


def test_the_switch_and_the_quarantine_are_reported(rows: LedgerRows, reader: PostgresLedgerReader) -> None:
    rows.insert("switch_intervals", {"changed_at": minute(-60), "enabled": True})
    rows.insert("switch_intervals", {"changed_at": minute(10), "enabled": False})
    values = {"source": "fills", "reason": "no side", "body": "{}", "quarantined_at": minute(5)}
    rows.insert("quarantine", {**values, "digest": "1"})
    rows.insert("quarantine", {**values, "digest": "2", "resolved_at": minute(6)})
    document = report_of(reader)
    assert not document.linking_enabled
    assert document.quarantined == 1


@pytest.fixture
def told(rows: LedgerRows) -> LedgerRows:
    """One linked order with an event, two fills, a receipt and a child."""
    rows.bot("grid1")
    rows.snapshot()
    native = "2f200136-48c6-438c-855b-000000000001"
    rows.linked(native, 10)
    common = {"order_id": native, "venue": "coinbase", "account": "grid1", "symbol": "BTC-USD", "side": "buy"}
    rows.insert(
        "order_events",
        {**common, "event_hash": "h", "venue_order_id": native, "ingest_via": "stream", "status": "filled",
         "updated_at": minute(12)},
    )  # fmt: skip
    for number in (2, 1):
        rows.insert(
            "fills",
            {**common, "fill_id": f"t{number}", "economics": 1, "kind": "FILL", "price": "100.250",
             "quantity": "1", "quantity_unit": "base", "executed_at": minute(10 + number)},
        )  # fmt: skip
    rows.order("child", 20, parent_order_id=native, side="sell")
    return rows


@pytest.mark.parametrize(
    "identifier",
    [
        "2f200136-48c6-438c-855b-000000000001",
        " 2F200136-48C6-438C-855B-000000000001 ",
        "2f20013648c6438c855b000000000001",
        "v-2f200136-48c6-438c-855b-000000000001",
        "key-2f200136-48c6-438c-855b-000000000001",
    ],
)
def test_a_trace_finds_an_order_by_each_of_its_ids(
    told: LedgerRows, reader: PostgresLedgerReader, identifier: str
) -> None:
    story: Any = reader.trace(identifier)
    (order,) = story["orders"]
    assert order["order"]["average_price"] == "100.25"
    assert order["disposition"]["disposition"] == "linked"
    assert order["snapshot"]["parameters"]["score_buy"] == "2.5"
    assert order["signal"]["indicator_breakdown"] == {"rsi": {"value": "28.125"}}
    assert [event["status"] for event in order["events"]] == ["filled"]
    assert [fill["fill_id"] for fill in order["fills"]] == ["t1", "t2"]
    assert order["fills"][0]["executed_at"] == "2026-11-22T12:11:00Z"
    assert [(kin["order_id"], kin["relation"]) for kin in order["relatives"]] == [("child", "child")]
    assert story["signals"] == []


def test_a_trace_of_a_signal_without_an_order_shows_the_signal(
    rows: LedgerRows, reader: PostgresLedgerReader
) -> None:
    rows.snapshot()
    rows.signal("entry-9", 10)
    story: Any = reader.trace("entry-9")
    assert story["orders"] == []
    assert story["signals"][0]["signal"]["buy_score"] == "4.5"
    assert story["signals"][0]["snapshot"]["label"] == "Trend"


def test_a_trace_of_nothing_is_none(reader: PostgresLedgerReader) -> None:
    assert reader.trace("nobody") is None


def test_a_database_that_is_away_is_an_error_and_not_an_empty_report(
    ledger_database: LedgerDatabase,
) -> None:
    settings = DatabaseSettings(**{**ledger_database.settings("reader"), "db_port": 9})
    with pytest.raises(LedgerUnavailableError):
        PostgresLedgerReader(LedgerConnection(settings)).report(WINDOW)


def test_a_wrong_password_is_an_error_and_not_an_empty_report(ledger_database: LedgerDatabase) -> None:
    settings = DatabaseSettings(**{**ledger_database.settings("reader"), "db_password": SecretStr("wrong")})
    with pytest.raises(LedgerUnavailableError):
        PostgresLedgerReader(LedgerConnection(settings)).rates(WINDOW)


def test_parameters_that_are_too_long_for_a_mail_stay_in_the_ledger(
    rows: LedgerRows, reader: PostgresLedgerReader
) -> None:
    rows.bot("grid1")
    rows.snapshot(parameters={"text": "x" * 9000})
    rows.linked("a", 10)
    mode = report_of(reader).modes[0]
    assert (mode.snapshots[0].parameters, mode.snapshots_total) == (None, 1)
    story: Any = reader.trace("a")
    assert len(story["orders"][0]["snapshot"]["parameters"]["text"]) == 9000


def test_the_orders_are_written_as_the_wire_has_them(mixed: LedgerRows, reader: PostgresLedgerReader) -> None:
    told = reader.report(WINDOW)
    assert told["orders"] == ReportDocument.model_validate(told).model_dump(mode="json")["orders"]
