"""The ledger written by hand gives the lots, episodes and figures that were worked out by hand."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from linkage.adapters.postgres.connection import LedgerConnection
from linkage.adapters.postgres.read.reader import PostgresLedgerReader
from linkage.runtime.settings import DatabaseSettings
from tests.support import forty_trades as hand
from tests.support.hand_ledger import tell_forty_trades
from tests.support.ledger import LedgerDatabase

D = Decimal


@pytest.fixture
def ledger(ledger_database: LedgerDatabase) -> LedgerDatabase:
    return tell_forty_trades(ledger_database)


def number(order_id: str | None) -> int:
    return 0 if order_id is None else int(order_id[-12:], 16)


def test_the_lots_are_those_worked_out_by_hand(ledger: LedgerDatabase) -> None:
    rows = ledger.rows(
        "SELECT entry_order_id, exit_order_id, quantity, gross_pnl, fees, net_pnl, kind FROM closed_lots"
    )

    assert sorted((number(a), number(b), *rest) for a, b, *rest in rows) == sorted(
        (lot.entry, lot.exit_, D(lot.quantity), D(lot.gross), D(lot.fees), D(lot.net), lot.kind)
        for lot in hand.LOTS
    )


def test_the_episodes_are_those_worked_out_by_hand(ledger: LedgerDatabase) -> None:
    rows = ledger.rows(
        "SELECT entry_order_id, exit_order_id, opened_at, closed_at, side, entry_value, gross_pnl, fees,"
        " net_pnl, quote_currency, array_to_string(missing, ','), mixed FROM episode_results"
    )

    assert sorted((number(a), number(b), *rest) for a, b, *rest in rows) == sorted(
        (
            one.entry, one.exit_, hand.moment(one.opened),
            None if one.closed is None else hand.moment(one.closed), one.side, D(one.notional), D(one.gross),
            D(one.fees), D(one.net), one.currency, one.missing, one.mixed,
        )
        for one in hand.EPISODES
    )  # fmt: skip


def test_what_is_open_and_what_has_no_entry_is_shown(ledger: LedgerDatabase) -> None:
    still = ledger.rows("SELECT entry_order_id, quantity, entry_value, entry_fee, open_pnl FROM open_lots")
    lone = ledger.rows("SELECT order_id, quantity, value, fee FROM unmatched_exits")

    assert sorted((number(a), *rest) for a, *rest in still) == [
        (one, *(D(figure) for figure in rest)) for one, *rest in hand.OPEN
    ]
    assert sorted((number(a), *rest) for a, *rest in lone) == [
        (one, *(D(figure) for figure in rest)) for one, *rest in hand.UNMATCHED
    ]


def test_slippage_delay_and_risk_are_those_of_the_signals(ledger: LedgerDatabase) -> None:
    query = (
        "SELECT entry_slippage, exit_slippage, extract(epoch FROM entry_delay)::int, r_multiple"
        " FROM closed_lots WHERE entry_order_id = %s"
    )

    assert ledger.rows(query, hand.order_id(1)) == [
        (round(D(1) / 99, 18), round(D(1) / 111, 18), 60, D("1.958"))
    ]
    assert ledger.rows(query, hand.order_id(3))[0][2:] == (180, round(D("-6.394") / 6, 18))
    assert ledger.rows(query, hand.order_id(30))[0][0] == round(D("0.1") / D("5.1"), 18)


def test_a_trace_shows_the_lots_of_an_order_from_either_side(ledger: LedgerDatabase) -> None:
    connection = LedgerConnection(DatabaseSettings(**ledger.settings("reader")))

    def lots(order: int) -> list[tuple[Any, ...]]:
        story: Any = PostgresLedgerReader(connection).trace(hand.order_id(order))
        (told,) = story["orders"]
        return [
            (
                lot["state"],
                number(lot["entry_order_id"]),
                number(lot["exit_order_id"]),
                lot["pnl"],
                lot["kind"],
            )
            for lot in told["lots"]
        ]

    assert lots(7) == [("closed", 7, 8, "2.805", "matched"), ("closed", 7, 9, "4.803", "matched")]
    assert [row[3] for row in lots(8)] == ["-1.199", "0.803", "2.805"]
    assert lots(39) == [("open", 39, 0, "5.796", "open"), ("closed", 39, 40, "2.793", "matched")]
    assert lots(37) == [("unmatched", 0, 37, None, "unmatched")]
    connection.close()


def test_results_open_lots_and_unmatched_exits_add_up_to_the_cash_flow_of_each_currency(
    ledger: LedgerDatabase,
) -> None:
    cash: dict[str, Decimal] = defaultdict(Decimal)
    for query in (
        "SELECT quote_currency, net_pnl FROM closed_lots",
        "SELECT quote_currency, -entry_value - entry_fee FROM open_lots WHERE side = 'long'",
        "SELECT quote_currency, value - fee FROM unmatched_exits WHERE side = 'sell'",
    ):
        for currency, amount in ledger.rows(query):
            cash[currency] += amount

    assert cash == {currency: D(amount) for currency, amount in hand.CASH_FLOW.items()}
    closed = ledger.rows(
        "SELECT quote_currency, sum(net_pnl) FROM episodes WHERE closed_at IS NOT NULL GROUP BY 1"
    )
    assert dict(closed) == {currency: D(amount) for currency, amount in hand.CLOSED_NET.items()}
