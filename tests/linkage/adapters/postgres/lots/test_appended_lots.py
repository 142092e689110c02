"""Lots that were made batch by batch, on from what stood there, are those of one match of all facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from local.postgres import PostgresServer
from tests.support.events import native_id
from tests.support.ledger import LedgerDatabase
from tests.support.lots import LotsLedger, trade

SYMBOLS = ("BTC-USD", "ETH-USD:USD")
"""A book that is long, and one whose side is what its first entry is."""
BATCH_MINUTES = 10


class Order(NamedTuple):
    """What a drawn order executes.

    Attributes:
        minute: of its first fill, from the beginning of its batch; negative: it comes late.
        pieces: how many fills it has, a minute apart.
        parent: how many orders before it the entry is that it names; 0: none.
        undone_at: the price at which all of its first fill was taken back; None: it was not.
    """

    symbol: str
    side: str
    quantity: int
    price: int
    minute: int
    pieces: int
    fee: str
    fee_currency: str
    parent: int
    undone_at: int | None


orders = st.builds(
    Order,
    symbol=st.sampled_from(SYMBOLS),
    side=st.sampled_from(("buy", "sell")),
    quantity=st.integers(1, 4),
    price=st.integers(90, 110),
    minute=st.sampled_from((0, 1, 1, 2, 3, 4, -9)),
    pieces=st.sampled_from((1, 1, 2)),
    fee=st.sampled_from(("0.07", "0.3", "1", "-0.02")),
    fee_currency=st.sampled_from(("USD", "USD", "USD", "USD", "BNB", "BTC")),
    parent=st.sampled_from((0, 0, 0, 1, 2)),
    undone_at=st.sampled_from((None, None, None, None, None, None, 95)),
)
histories = st.lists(st.lists(orders, min_size=2, max_size=6), min_size=3, max_size=5)


def events_of(history: Sequence[Sequence[Order]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the events of each batch; an order whose fill is taken back hears of it in the next one."""
    number, undone = 0, list[dict[str, Any]]()
    for batch_number, batch in enumerate(history):
        events, undone = undone, []
        for order in batch:
            number += 1
            start = BATCH_MINUTES * batch_number + order.minute
            common: dict[str, Any] = {
                "symbol": order.symbol, "fee": order.fee, "fee_currency": order.fee_currency,
            }  # fmt: skip
            if 0 < order.parent < number:
                common["parent_order_id"] = native_id(number - order.parent)
            events += [
                trade(number, order.side, str(order.quantity), str(order.price), start + piece, **common)
                for piece in range(order.pieces)
            ]
            if order.undone_at is not None:
                reversal = {**common, "kind": "REVERSAL", "refers_to": f"f{number}-{start:g}"}
                at = BATCH_MINUTES * (batch_number + 1)
                undone.append(
                    trade(number, order.side, str(order.quantity), str(order.undone_at), at, **reversal)
                )
        yield events
    yield undone


@pytest.fixture(scope="module")
def ledger(postgres_server: PostgresServer, ledger_template: str) -> Iterator[LotsLedger]:
    """One ledger for all examples: emptying it is faster than making another."""
    database = LedgerDatabase.create(postgres_server, ledger_template)
    lots = LotsLedger(database)
    yield lots
    lots.close()
    database.drop()


# An example is dozens of transactions: to make a failing one as small as it gets would take minutes.
@settings(
    max_examples=30,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(history=histories)
def test_lots_appended_batch_by_batch_are_those_of_a_fresh_match_in_every_column(
    ledger: LotsLedger, history: Sequence[Sequence[Order]]
) -> None:
    ledger.start_over()
    for events in events_of(history):
        if events:
            ledger.tell(*events)
            ledger.match()
            ledger.grow_older()
    appended = ledger.all_rows()

    assert appended == ledger.afresh()


def test_a_batch_that_comes_after_all_others_is_appended_to_an_open_episode(ledger: LotsLedger) -> None:
    """Without it the property above would hold a fresh match to a fresh match."""
    ledger.start_over()
    ledger.tell(trade(1, "buy", "2", "100", 0, fee="0.07"), trade(2, "sell", "1", "110", 1, fee="0.3"))
    ledger.match()
    ledger.grow_older()
    ledger.database.rows("UPDATE episodes SET fees = fees + 1000 RETURNING 1")

    ledger.tell(trade(3, "sell", "1", "120", 5, fee="0.3"))
    ledger.match()

    ((fees,),) = ledger.database.rows("SELECT fees FROM episodes")
    assert fees > 1000
