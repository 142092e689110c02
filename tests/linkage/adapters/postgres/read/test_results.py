"""The report's results are those of the ledger that was worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from linkage.adapters.postgres.connection import LedgerConnection
from linkage.adapters.postgres.read import results
from linkage.adapters.postgres.read.reader import PostgresLedgerReader
from linkage.contracts.performance import By, Money, PerformanceTable
from linkage.contracts.report import ModeReport, ReportDocument
from linkage.domain.errors import InvalidInputError
from linkage.domain.facts import Window
from linkage.runtime.settings import DatabaseSettings
from tests.support import forty_trades as hand
from tests.support.hand_ledger import match_lots, tell_forty_trades
from tests.support.ledger import LedgerDatabase
from tests.support.ledger_rows import SET_A, SET_B, LedgerRows, minute

D = Decimal
ALL = Window(hand.moment(-10), hand.moment(400))


@pytest.fixture
def reader(ledger_database: LedgerDatabase) -> Iterator[PostgresLedgerReader]:
    connection = LedgerConnection(DatabaseSettings(**ledger_database.settings("reader")))
    try:
        yield PostgresLedgerReader(connection)
    finally:
        connection.close()


@pytest.fixture
def ledger(ledger_database: LedgerDatabase) -> LedgerDatabase:
    return tell_forty_trades(ledger_database)


def live(
    reader: PostgresLedgerReader, window: Window = ALL, by: Sequence[By] = ("snapshot", "trigger")
) -> ModeReport:
    document = ReportDocument.model_validate(reader.report(window, by=by))
    return next(mode for mode in document.modes if mode.mode == "live")


def dollars(mode: ModeReport) -> Money:
    return next(each for each in mode.money if each.currency == "USDT")


def rows_of(table: PerformanceTable) -> dict[str, tuple[int, Decimal]]:
    return {row.group: (row.n, row.net_pnl) for row in table.rows if row.currency == "USDT"}


def test_totals_are_those_worked_out_by_hand(ledger: LedgerDatabase, reader: PostgresLedgerReader) -> None:
    mode = live(reader)
    assert [each.currency for each in mode.money] == ["USDT", "EUR"]
    total = dollars(mode).total
    assert (total.n, total.wins, total.losses, total.even) == (15, 11, 3, 1)
    assert total.net_pnl == D(hand.CLOSED_NET["USDT"])
    assert (total.gross_profit, total.gross_loss) == (D("50.82"), D("12.136"))
    assert total.profit_factor == D("50.82") / D("12.136")
    assert total.win_rate == D(11) / 14
    assert total.expectancy == D("38.684") / 15
    assert (total.r_multiple, total.n_r) == (D("5.354") / 12, 2)
    assert (total.drawdown.amount, total.drawdown.share) == (D("11.396"), D("11.396") / D("20.482"))
    assert (total.holding_mean_seconds, total.holding_median_seconds) == (D(740), D(600))
    assert total.slippage is not None
    assert round(total.slippage, 17) == round(D("0.001713923549217666864725688255"), 17)
    assert (total.delay_seconds, total.n_delay) == (D(17 * 60) / 15, 15)
    assert (total.fees_incomplete, total.mixed) == (1, 1)
    assert (total.standing, total.win_rate_interval) == ("insufficient data", None)
    assert total.more_needed > 100
    assert mode.money[1].total.net_pnl == D(hand.CLOSED_NET["EUR"])


def test_what_is_open_has_a_mark_with_its_source_and_what_it_banked_is_in_it(
    ledger: LedgerDatabase, reader: PostgresLedgerReader
) -> None:
    money = dollars(live(reader))
    assert (money.open_lots, money.total.open.n, money.total.open.unmarked) == (2, 2, 0)
    assert (money.realised_open_pnl, money.realised_open_pnl_in_period) == (D("2.793"), D("2.793"))
    assert money.total.open.pnl_at_mark == D("5.796") - D("0.08") + D("2.793")
    assert [(lot.open_pnl, lot.mark_price, lot.mark_source) for lot in money.oldest] == [
        (D("5.796"), D(105), "last trade"),
        (D("-0.08"), D(20), "last trade"),
    ]
    assert money.oldest[0].marked_at == hand.moment(210)


def test_what_somebody_holds_by_hand_is_neither_open_nor_banked(
    ledger: LedgerDatabase, reader: PostgresLedgerReader
) -> None:
    ledger.rows(
        "UPDATE lot_books SET owner = 'external' FROM episodes e JOIN fifo_allocations USING (episode_id)"
        " WHERE e.book = lot_books.book AND e.closed_at IS NULL RETURNING 1"
    )
    document = ReportDocument.model_validate(reader.report(ALL))
    by_hand = dollars(next(mode for mode in document.modes if mode.mode == "unknown"))
    assert (by_hand.open_lots, by_hand.realised_open_pnl, by_hand.realised_open_pnl_in_period) == (
        0,
        D(0),
        D(0),
    )


def test_closed_and_open_results_and_lone_exits_add_up_to_the_cash_flow(
    ledger: LedgerDatabase, reader: PostgresLedgerReader
) -> None:
    document = ReportDocument.model_validate(reader.report(ALL))
    by_hand = next(mode for mode in document.modes if mode.mode == "unknown")
    money = dollars(live(reader))
    at_mark = 2 * D(105) + 4 * D(20)
    lone = [each.value for each in (*money.unmatched, *dollars(by_hand).unmatched)]
    fees = D("0.06") + D("0.02")
    assert money.total.net_pnl + money.total.open.pnl_at_mark - at_mark + sum(lone) - fees == D(
        hand.CASH_FLOW["USDT"]
    )


def test_exits_without_an_entry_are_shown_and_in_no_result(
    ledger: LedgerDatabase, reader: PostgresLedgerReader
) -> None:
    money = dollars(live(reader))
    assert money.unmatched_exits == 1
    assert [(lone.order_id, lone.side, lone.value) for lone in money.unmatched] == [
        (hand.order_id(38), "sell", D(20))
    ]


def test_dust_and_incomplete_fees_are_counted(ledger: LedgerDatabase, reader: PostgresLedgerReader) -> None:
    money = dollars(live(reader))
    assert (money.dust_lots, money.dust_pnl) == (1, D("-0.900900900900900901"))
    assert money.fees_incomplete == 1
    assert (money.unpriced, money.residue_pnl, money.late_lots) == (0, D(0), 0)


def test_the_curve_is_the_cumulative_result_and_its_fall_the_drawdown(
    ledger: LedgerDatabase, reader: PostgresLedgerReader
) -> None:
    money = dollars(live(reader))
    points = [((point.at - hand.START) / timedelta(minutes=1), point.net_pnl) for point in money.curve]
    assert points[:6] == [
        (-10, D(0)), (10, D("9.79")), (15, D("20.482")), (30, D("14.088")), (35, D("9.728")),
        (45, D("9.086")),
    ]  # fmt: skip
    assert points[-1] == (170, D("38.684"))
    assert (money.drawdown.amount, money.drawdown.share) == (D("11.396"), D("11.396") / D("20.482"))


def test_a_window_has_the_episodes_that_were_closed_in_it(
    ledger: LedgerDatabase, reader: PostgresLedgerReader
) -> None:
    # From 30 minutes on, and before 70: episodes 2 (at 30), 10 and 14 (at 35), and 15 (at 45).
    total = dollars(live(reader, Window(hand.moment(30), hand.moment(70)))).total
    assert (total.n, total.net_pnl) == (4, D("-6.394") + D("-5.1") + D("0.74") + D("-0.642"))


def test_two_halves_add_up_to_the_whole(ledger: LedgerDatabase, reader: PostgresLedgerReader) -> None:
    halves = [Window(ALL.start, hand.moment(60)), Window(hand.moment(60), ALL.end)]
    totals = [dollars(live(reader, half)).total for half in halves]
    assert sum(total.net_pnl for total in totals) == D(hand.CLOSED_NET["USDT"])
    assert sum(total.n for total in totals) == 15


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("snapshot", {str(hand.SNAPSHOTS["A"]): (12, D("24.284")), str(hand.SNAPSHOTS["B"]): (3, D("14.4"))}),
        ("bot", {"grid": (11, D("29.208")), "trend": (4, D("9.476"))}),
        ("trigger", {"dip": (11, D("35.224")), "breakout": (2, D("2.2")), "overbought": (2, D("1.26"))}),
        (
            "exit",
            {"take_profit": (10, D("50.08")), "stop_loss": (4, D("-12.136")), "overbought": (1, D("0.74"))},
        ),
        ("symbol", {"BTC-USDT": (8, D("27.208")), "ETH-USDT": (4, D("9.476")),
                    "SOL-USDT:USDT": (3, D("2.0"))}),
        ("arm", {"main": (15, D("38.684"))}),
        ("hour", {"09:00": (9, D("20.126")), "10:00": (3, D("4.158")), "11:00": (3, D("14.4"))}),
    ],
)  # fmt: skip
def test_a_table_by_anything_has_the_same_episodes(
    ledger: LedgerDatabase, reader: PostgresLedgerReader, by: By, expected: dict[str, Any]
) -> None:
    (table,) = live(reader, by=(by,)).tables
    found = rows_of(table)
    assert sum(net for _, net in found.values()) == D(hand.CLOSED_NET["USDT"])
    assert found.keys() >= expected.keys()
    assert {name: found[name] for name in expected} == expected


def test_rows_that_say_nothing_fold_into_one_line_for_each_currency(
    ledger: LedgerDatabase, reader: PostgresLedgerReader
) -> None:
    (table,) = live(reader, by=("bot",)).tables
    assert [(line.currency, line.rows, line.n) for line in table.folded] == [("EUR", 1, 1), ("USDT", 2, 15)]
    assert table.rows_total == 3


def test_slippage_and_delay_are_those_of_the_linked_orders(
    ledger: LedgerDatabase, reader: PostgresLedgerReader
) -> None:
    buys = next(each for each in live(reader).executions if each.side == "buy")
    assert buys.orders == buys.n_delay
    assert buys.delay_worst_seconds == D(180)
    assert buys.slippage_worst == round(D(1) / 99, 12)
    assert (buys.slippage_median, buys.delay_median_seconds) == (D(0), D(60))


def test_the_funnel_follows_signals_to_their_fills(
    ledger_database: LedgerDatabase, reader: PostgresLedgerReader
) -> None:
    rows = LedgerRows(ledger_database)
    rows.bot("grid1")
    rows.snapshot()
    rows.linked("filled", 10)
    rows.linked("cancelled", 20, status="cancelled", filled_quantity=0)
    rows.signal("unanswered", 30, side="sell", price="110")
    rows.signal("without a later price", 35, symbol="ETH-USD")
    rows.order("the last trade", 50, average_price="105")
    for number, guardrail in enumerate(("cooldown", "cooldown", "max_orders")):
        rows.signal(f"held-{number}", 40 + number, disposition="suppressed", guardrail=guardrail)
    funnel = live(reader, Window(minute(0), minute(60))).funnel
    assert (funnel.sent, funnel.ordered, funnel.filled) == (4, 2, 1)
    # Bought at 100.5 and sold at 110, with 105 at the end: 4.5 of 100.5, and 5 of 110.
    assert funnel.missed == 2
    assert funnel.missed_return is not None
    assert round(funnel.missed_return, 15) == round((D("4.5") / D("100.5") + D(5) / 110) / 2, 15)
    assert funnel.suppressed == {"cooldown": 2, "max_orders": 1}


def test_a_late_fill_shows_among_the_late_and_changes_an_earlier_result(
    ledger: LedgerDatabase, reader: PostgresLedgerReader
) -> None:
    entry = hand.order_id(3)
    ledger.rows(
        "UPDATE trade_records SET first_recorded_at = %s WHERE order_id = %s RETURNING 1",
        hand.moment(350), entry,
    )  # fmt: skip
    document = ReportDocument.model_validate(reader.report(Window(hand.moment(340), hand.moment(360))))
    assert document.late == 1
    assert [row.order_id for row in document.late_orders] == [entry]
    money = dollars(next(mode for mode in document.modes if mode.mode == "live"))
    assert (money.late_lots, money.late_pnl) == (1, D("-6.394"))
    assert money.total.n == 0


def test_a_mode_with_nothing_but_an_open_position_is_in_the_report(
    ledger: LedgerDatabase, reader: PostgresLedgerReader
) -> None:
    mode = live(reader, Window(hand.moment(500), hand.moment(600)))
    assert mode.rates.executed.whole == 0
    assert dollars(mode).open_lots == 2
    assert dollars(mode).curve == []


def test_what_came_into_force_is_told_in_words(
    ledger_database: LedgerDatabase, reader: PostgresLedgerReader
) -> None:
    rows = LedgerRows(ledger_database)
    rows.snapshot()
    rows.snapshot(SET_B, label=None, parameters={"strategy": "matrix", "score_buy": "3"})
    for number, snapshot in enumerate((SET_A, SET_B)):
        rows.insert(
            "strategy_activations",
            {"strategy": "matrix", "arm": "main", "activated_at": minute(number * 10),
             "snapshot_id": snapshot,
             "deactivated_at": minute(10) if number == 0 else None},
        )  # fmt: skip
    document = ReportDocument.model_validate(reader.report(Window(minute(0), minute(60))))
    latest, first = document.changes
    assert (latest.snapshot_id, latest.before, latest.before_label) == (SET_B, SET_A, "Trend")
    assert latest.changes == ["score_buy 2.5 → 3"]
    assert (first.before, first.changes) == (None, None)


def test_signs_of_life_tell_what_the_last_run_saw(
    ledger_database: LedgerDatabase, reader: PostgresLedgerReader
) -> None:
    rows = LedgerRows(ledger_database)
    rows.bot("grid1")
    rows.snapshot()
    for number in range(3):
        rows.insert(
            "strategy_runs",
            {"run_id": f"00000000-0000-4000-8000-00000000000{number}", "bot_id": "sighook",
             "strategy": "matrix", "snapshot_id": SET_A, "scheduled_at": minute(5 * number),
             "started_at": minute(5 * number), "duration_ms": 10, "symbols_seen": number,
             "symbols_skipped": {"BTC-USD": "stale", "ETH-USD": "stale", "SOL-USD": "no data"},
             "signals_sent": 0},
        )  # fmt: skip
    rows.signal("one", 7, bar_time=minute(5))
    rows.order("one", 8, fill_count=3)
    document = ReportDocument.model_validate(reader.report(Window(minute(0), minute(10))))
    health = document.health
    assert (health.runs, health.fills, health.last_run_seen) == (2, 3, 2)
    assert health.last_run_skipped == {"stale": 2, "no data": 1}
    assert health.last_bar_at == minute(5)
    assert document.liveness.last_run_at == minute(10)
    assert (health.lots_as_of, health.lots_behind) == (None, True)
    match_lots(ledger_database)
    health = ReportDocument.model_validate(reader.report(Window(minute(0), minute(10)))).health
    assert isinstance(health.lots_as_of, datetime)
    assert health.lots_behind is False


def test_more_episodes_than_a_report_can_hold_are_refused_and_never_cut(
    ledger: LedgerDatabase, reader: PostgresLedgerReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "MAX_EPISODES", 3)
    with pytest.raises(InvalidInputError, match="more than 3 episodes"):
        reader.report(ALL)


def describe_sets(database: LedgerDatabase, *, second_from: int = 115) -> None:
    """Name the hand-written ledger's two sets: A was in force until so many minutes were over, then B."""
    parameters = {"A": '{"score_buy": "2.5"}', "B": '{"score_buy": "3"}'}
    for name, snapshot in hand.SNAPSHOTS.items():
        database.rows(
            "UPDATE strategy_snapshots SET strategy = 'matrix', label = %s, params_hash = %s,"
            " parameters = %s::jsonb WHERE snapshot_id = %s RETURNING 1",
            name, name, parameters[name], snapshot,
        )  # fmt: skip
    rows = LedgerRows(database)
    for name, start, end in (("A", -5, second_from), ("B", second_from, None)):
        rows.insert(
            "strategy_activations",
            {"strategy": "matrix", "arm": "main", "activated_at": hand.moment(start),
             "snapshot_id": hand.SNAPSHOTS[name],
             "deactivated_at": None if end is None else hand.moment(end)},
        )  # fmt: skip


def test_what_is_entered_under_one_set_and_left_under_the_next_belongs_to_both(
    ledger: LedgerDatabase, reader: PostgresLedgerReader
) -> None:
    # Episode 12 was bought for 20 in minute 80 under A, and sold for 22 in minute 90 under B. Now B came into
    # force in minute 85, when ETH was worth 21.5: 21.5 - 20 - 0.02 = 1.48 is A's, 1.958 - 1.48 = 0.478 B's.
    describe_sets(ledger, second_from=85)
    before = rows_of(live(reader).tables[0])
    LedgerRows(ledger).insert(
        "conversion_rates",
        {"base_currency": "ETH", "quote_currency": "USDT", "minute": hand.moment(85), "source": "candles",
         "price": "21.5"},
    )  # fmt: skip
    split = live(reader, by=["snapshot", "params_hash", "trigger"])
    a, b = (str(hand.SNAPSHOTS[name]) for name in "AB")
    # Without that candle the last trade, in minute 80, was the mark: 20 - 20 - 0.02 for A.
    assert before == {a: (12, D("22.306")), b: (4, D("16.378"))}
    assert rows_of(split.tables[0]) == {a: (12, D("23.806")), b: (4, D("14.878"))}
    assert rows_of(split.tables[1]) == {"A": (12, D("23.806")), "B": (4, D("14.878"))}
    assert {row.group: row.mixed for row in split.tables[0].rows if row.currency == "USDT"} == {a: 1, b: 1}
    assert sum(net for _, net in rows_of(split.tables[2]).values()) == D(hand.CLOSED_NET["USDT"])
    assert dollars(split).total.n == 15
    part = next(row for row in split.tables[0].rows if row.group == b)
    assert (part.n_slippage, part.n_delay) == (3, 3)


def test_sets_that_were_in_force_together_split_nothing(
    ledger: LedgerDatabase, reader: PostgresLedgerReader
) -> None:
    describe_sets(ledger, second_from=75)
    a, b = (str(hand.SNAPSHOTS[name]) for name in "AB")
    assert rows_of(live(reader).tables[0]) == {a: (12, D("24.284")), b: (3, D("14.4"))}


def test_sets_are_compared_over_all_the_ledger_and_only_when_asked(
    ledger: LedgerDatabase, reader: PostgresLedgerReader
) -> None:
    describe_sets(ledger)
    last_hour = Window(hand.moment(120), hand.moment(180))
    assert live(reader, last_hour).comparisons == []
    document = ReportDocument.model_validate(reader.report(last_hour, verdicts=True))
    (found,) = next(mode for mode in document.modes if mode.mode == "live").comparisons
    assert (found.one.snapshot_id, found.reference.snapshot_id) == (hand.SNAPSHOTS["A"], hand.SNAPSHOTS["B"])
    assert (found.basis, found.verdict) == ("disjoint", "cannot separate from the market")
    assert (found.one.record.n, found.one.record.net_pnl) == (12, D("24.284"))
    assert (found.reference.record.n, found.reference.record.net_pnl) == (3, D("14.4"))
    assert found.one.record.open.n == 2
    assert found.changes == ["score_buy 3 → 2.5"]
    assert document.trials == 2


def test_the_market_is_what_holding_the_symbols_of_a_set_would_have_made(
    ledger: LedgerDatabase, reader: PostgresLedgerReader
) -> None:
    describe_sets(ledger)
    document = ReportDocument.model_validate(
        reader.report(Window(hand.moment(120), hand.moment(180)), verdicts=True)
    )
    (found,) = next(mode for mode in document.modes if mode.mode == "live").comparisons
    # BTC-USDT: from 100 at minute 120 to 110 at minute 170, and then 120, 102 and 105 up to the end of its
    # spell, which is the end of the window.
    assert found.reference.market_return == D("0.1")
    # In the first two hours BTC-USDT went from 100 to 103, ETH-USDT from 20 to 22, SOL from 5 to 5.5.
    assert found.one.market_return is not None
    assert round(found.one.market_return, 6) == round((D("0.03") + D("0.1") + D("0.1")) / 3, 6)


def test_trials_on_candles_count_among_the_sets_that_were_tried(
    ledger: LedgerDatabase, reader: PostgresLedgerReader
) -> None:
    for params_hash in ("x", "y", "y"):
        LedgerRows(ledger).insert(
            "trials",
            {"strategy": "matrix", "params_hash": params_hash, "config_hash": "c", "data_hash": "d",
             "period_start": minute(0), "period_end": minute(10 + len(ledger.rows("SELECT FROM trials"))),
             "result": {}, "tried_at": minute(0)},
        )  # fmt: skip
    document = ReportDocument.model_validate(reader.report(ALL, verdicts=True))
    assert document.trials == 4


def test_a_table_by_something_unknown_is_refused(reader: PostgresLedgerReader) -> None:
    with pytest.raises(InvalidInputError, match="'colour' is not one of snapshot"):
        reader.report(ALL, by=["colour"])
