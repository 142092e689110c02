"""Ten histories end in one state, in whatever order, however often and in whatever batches they are told.

Each is told in every order there is, with duplicates. The tellings have names of their own and go side by
side: one batch holds the next piece of each, so that all orders cost little more than one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from itertools import chain, permutations, zip_longest
from typing import Any

import pytest

from linkage.adapters.postgres.connection import connect
from linkage.adapters.postgres.read.verify import verify
from linkage.contracts.signals import StoredSignal
from linkage.runtime.settings import DatabaseSettings
from tests.proofs import counting
from tests.support.events import SNAPSHOT_A, SNAPSHOT_B, fill, order, our_key, signal
from tests.support.ledger import ToldLedger
from tests.support.seeds import seed

Told = Mapping[str, Any] | StoredSignal


class Names:
    """Ids of one telling: the same history is told many times over in one database."""

    def __init__(self, telling: int) -> None:
        self.telling = telling

    def order(self, number: int) -> str:
        """Return an order id that sorts like its number."""
        return f"{self.telling:06d}-{number}"

    def key(self, number: int, side: str = "buy") -> str:
        """Return a key of our own."""
        return our_key(1_000 * self.telling + number, side=side)


def plain(n: Names) -> list[Told]:
    a, key = n.order(1), n.key(1)
    return [
        signal(key)[1],
        order(a, client_order_id=key),
        fill(a, "t1", quantity="0.5"),
        fill(a, "t2", quantity="0.5", executed_at="2026-11-22T18:00:01Z"),
        order(a, "filled", updated_at="2026-11-22T18:00:09Z"),
    ]


def bracket_child(n: Names) -> list[Told]:
    a, b, key = n.order(1), n.order(2), n.key(1)
    return [
        signal(key)[1],
        order(a, "filled", client_order_id=key),
        order(b, "filled", side="sell", parent_order_id=a, trigger="stop_loss"),
        fill(b, side="sell"),
    ]


def bracket_child_whose_fill_names_its_parent(n: Names) -> list[Told]:
    a, b, key = n.order(1), n.order(2), n.key(1)
    return [
        signal(key)[1],
        fill(a, client_order_id=key),
        order(b, side="sell", trigger="stop_loss"),
        fill(b, side="sell", parent_order_id=a),
        order(b, "filled", side="sell", updated_at="2026-11-22T18:00:09Z"),
    ]


def child_with_its_own_key(n: Names) -> list[Told]:
    a, b, first, second = n.order(1), n.order(2), n.key(1), n.key(2, "sell")
    return [
        signal(first)[1],
        signal(second, side="sell", snapshot=SNAPSHOT_B, trigger="exit_rule")[1],
        order(a, "filled", client_order_id=first),
        order(b, side="sell", parent_order_id=a, trigger="stop_loss"),
        fill(b, side="sell", client_order_id=second),
    ]


def one_order_with_two_client_ids(n: Names) -> list[Told]:
    a, first, second = n.order(1), n.key(1), n.key(2)
    return [
        signal(first)[1],
        signal(second, snapshot=SNAPSHOT_B)[1],
        order(a, client_order_id=first, updated_at="2026-11-22T18:00:03Z"),
        order(a, "filled", client_order_id=second, updated_at="2026-11-22T18:00:08Z"),
        fill(a, client_order_id=second),
    ]


def one_fill_by_stream_and_poll_in_two_spellings(n: Names) -> list[Told]:
    a, key = n.order(1), n.key(1)
    return [
        signal(key, origin="SIGHOOK")[1],
        fill(a, price="1.50", quantity="2", ingest_via="stream", client_order_id=key),
        fill(a, price="1.5", quantity="2.0", ingest_via="poll", origin="unknown"),
        order(a, "filled", ingest_via="poll", client_order_id=key.upper()),
    ]


def cumulative_with_a_revised_fee(n: Names) -> list[Told]:
    a, key = n.order(1), n.key(1)
    return [
        signal(key)[1],
        cumulative(a, "4", "0.4", "2026-11-22T18:00:06Z", client_order_id=key, status="open"),
        cumulative(a, "10", "1", "2026-11-22T18:00:07Z", status="filled"),
        cumulative(a, "10", "0.9", "2026-11-22T18:00:08Z", status="filled"),
        fill(a, "t1", quantity="4", ingest_via="poll"),
    ]


def cumulative_ahead_of_its_fills(n: Names) -> list[Told]:
    a, key = n.order(1), n.key(1)
    return [
        signal(key)[1],
        cumulative(a, "10", "1", "2026-11-22T18:00:07Z", client_order_id=key),
        fill(a, "t1", quantity="4", ingest_via="poll"),
        fill(a, "t2", kind="REVERSAL", refers_to="t1", quantity="4", ingest_via="poll"),
    ]


def open_after_filled_or_cancelled(n: Names) -> list[Told]:
    a, b, key = n.order(1), n.order(2), n.key(1)
    return [
        signal(key)[1],
        order(a, "filled", client_order_id=key, updated_at="2026-11-22T18:00:05Z"),
        order(a, "open", updated_at="2026-11-22T18:00:09Z"),
        order(b, "cancelled", replaces_order_id=a),
        order(b, "open", updated_at="2026-11-22T18:00:09Z"),
        fill(b),
    ]


def fills_at_two_times(n: Names) -> list[Told]:
    a, key = n.order(1), n.key(1)
    return [
        signal(key)[1],
        fill(a, "t1", executed_at="2026-11-22T18:09:00Z", client_order_id=key),
        fill(a, "t2", executed_at="2026-11-22T18:01:00Z", origin="grid"),
        fill(a, "t2", executed_at="2026-11-22T18:01:00Z", quantity="3", ingest_via="webhook"),
    ]


def cumulative(order_id: str, quantity: str, fees: str, at: str, **fields: Any) -> dict[str, Any]:
    """Return a cumulative record at 100."""
    told = fill(order_id, None, kind="CUMULATIVE", executed_at=at, **fields)
    for name in ("price", "quantity", "fee"):
        del told[name]
    return told | {"cumulative_quantity": quantity, "average_price": "100", "total_fees": fees}


HISTORIES = [
    plain,
    bracket_child,
    bracket_child_whose_fill_names_its_parent,
    child_with_its_own_key,
    one_order_with_two_client_ids,
    one_fill_by_stream_and_poll_in_two_spellings,
    cumulative_with_a_revised_fee,
    cumulative_ahead_of_its_fills,
    open_after_filled_or_cancelled,
    fills_at_two_times,
]

LINKS = {
    "plain": {1: (SNAPSHOT_A, "key")},
    "bracket_child": {1: (SNAPSHOT_A, "key"), 2: (SNAPSHOT_A, "parent")},
    "bracket_child_whose_fill_names_its_parent": {1: (SNAPSHOT_A, "key"), 2: (SNAPSHOT_A, "parent")},
    "child_with_its_own_key": {1: (SNAPSHOT_A, "key"), 2: (SNAPSHOT_B, "key")},
    "one_order_with_two_client_ids": {1: (SNAPSHOT_A, "key")},
    "one_fill_by_stream_and_poll_in_two_spellings": {1: (SNAPSHOT_A, "key")},
    "cumulative_with_a_revised_fee": {1: (SNAPSHOT_A, "key")},
    "cumulative_ahead_of_its_fills": {1: (SNAPSHOT_A, "key")},
    "open_after_filled_or_cancelled": {1: (SNAPSHOT_A, "key"), 2: (SNAPSHOT_A, "replaced")},
    "fills_at_two_times": {1: (SNAPSHOT_A, "key")},
}
FILLED = {
    "plain": {1: 1}, "bracket_child": {1: 0, 2: 1},
    "bracket_child_whose_fill_names_its_parent": {1: 1, 2: 1}, "child_with_its_own_key": {1: 0, 2: 1},
    "one_order_with_two_client_ids": {1: 1}, "one_fill_by_stream_and_poll_in_two_spellings": {1: 2},
    "cumulative_with_a_revised_fee": {1: 10}, "cumulative_ahead_of_its_fills": {1: 6},
    "open_after_filled_or_cancelled": {1: 0, 2: 1}, "fills_at_two_times": {1: 4},
}  # fmt: skip


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.__name__)
def test_every_order_of_telling_ends_in_one_state(
    told: ToldLedger, history: Callable[[Names], list[Told]]
) -> None:
    chance = random.Random(f"{history.__name__} {seed()}")
    orders = list(permutations(range(len(history(Names(0))))))
    pieces = [cut(history(Names(telling)), sequence, chance) for telling, sequence in enumerate(orders)]
    for batch in zip_longest(*pieces, fillvalue=()):
        told.tell(*chain.from_iterable(batch))
    told_each = sum(map(len, pieces[0]))
    states = all_states(told)
    assert len(states) == len(orders)
    for telling, sequence in enumerate(orders):
        assert states[telling] == states[0], f"told in the order {sequence}: {pieces[telling]}"
    assert links(states[0]) == LINKS[history.__name__]
    filled = {int(row["number"]): row["filled_quantity"] for row in states[0]["orders"]}
    assert filled == FILLED[history.__name__]
    with connect(DatabaseSettings(**told.database.settings("reader"))) as connection:
        assert [check for check in verify(connection) if not check.holds] == []
    counting.tally(
        "permutations", histories=1, arrival_orders=len(orders), facts_recorded=len(orders) * told_each
    )


def cut(facts: list[Told], sequence: tuple[int, ...], chance: random.Random) -> list[list[Told]]:
    """Return one telling, in this order, some facts told again, in pieces of one to three."""
    numbers = [*sequence]
    for again in chance.choices(sequence, k=2):
        numbers.insert(chance.randrange(len(numbers) + 1), again)
    pieces: list[list[Told]] = []
    while numbers:
        size = chance.choice((1, 1, 1, 2, 3))
        piece, numbers = numbers[:size], numbers[size:]
        pieces.append([facts[number] for number in piece])
    return pieces


def all_states(told: ToldLedger) -> dict[int, dict[str, list[dict[str, Any]]]]:
    """Return what each telling left behind, without its names and without stamps."""
    found: dict[int, dict[str, list[dict[str, Any]]]] = {}
    for name, table, stamps in (
        ("orders", "trade_records", ("first_recorded_at", "updated_at")),
        ("links", "trade_strategy_link", ("linked_at", "meaning")),
        ("vetoes", "link_vetoes", ("found_at",)),
        ("conflicts", "fill_conflicts", ("found_at",)),
        ("fills", "fills", ("recorded_at",)),
    ):
        for row in told.database.dictionaries(f"SELECT * FROM {table}"):
            native = str(row["order_id"]).rpartition(":")[2]
            mark = native.partition("-")[0] + "-"
            rows = found.setdefault(int(mark[:-1]), {}).setdefault(name, [])
            rows.append(_anonymous(row, mark, stamps))
    for state in found.values():
        for rows in state.values():
            rows.sort(key=repr)
    return found


def links(ended: Mapping[str, list[dict[str, Any]]]) -> dict[int, tuple[Any, str]]:
    """Return snapshot and method by order number."""
    return {int(row["number"]): (row["snapshot_id"], row["method"]) for row in ended["links"]}


def _anonymous(row: Mapping[str, Any], mark: str, stamps: tuple[str, ...]) -> dict[str, Any]:
    plain_row = {
        name: value.replace(mark, "") if isinstance(value, str) else value
        for name, value in row.items()
        if name not in stamps and name != "client_order_id"
    }
    return plain_row | {"number": str(row["order_id"]).rpartition("-")[2]}
