"""The paper venue: what fills, when, at which price, and that it says the same when asked again."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.contracts.paper import BOOK
from linkage.domain.paper import Bar, Book, PaperOrder, Report, Rules, order_id_of, play
from linkage.domain.times import parse_utc

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STEP = timedelta(minutes=5)
WILLING = Rules(refuse_chance=0, split_chance=0, cumulative_chance=0)


def bar(number: int, open_: str, high: str, low: str, close: str, volume: str = "1000") -> Bar:
    start = NOON + number * STEP
    return Bar(start, start + STEP, *map(Decimal, (open_, high, low, close, volume)))


def flat(number: int, price: str = "100") -> Bar:
    return bar(number, price, price, price, price)


def order(key: str = "a", **changes: Any) -> PaperOrder:
    given_: dict[str, Any] = {
        "order_id": order_id_of("paper", key), "client_order_id": key, "symbol": "A-USD", "side": "buy",
        "size": Decimal(2), "placed_at": NOON, **changes,
    }  # fmt: skip
    return PaperOrder(**given_)


def played(
    orders: Sequence[PaperOrder], bars: Sequence[Bar], rules: Rules = WILLING, seed: int = 1
) -> tuple[Book, list[Report]]:
    return play(Book("A-USD"), orders, bars, seed=seed, rules=rules)


def statuses(reports: Sequence[Report], order_id: str | None = None) -> list[str]:
    return [
        str(one["status"])
        for one in reports
        if one["type"] == "order" and (order_id is None or one["order_id"] == order_id)
    ]


def fills(reports: Sequence[Report]) -> list[Report]:
    return [one for one in reports if one["type"] == "fill" and one.get("kind") is None]


def random_bars(seed: int, count: int = 40) -> list[Bar]:
    chance = random.Random(seed)
    price, bars = 100.0, []
    for number in range(count):
        close = price * (1 + chance.gauss(0, 0.01))
        high, low = max(price, close) * 1.003, min(price, close) * 0.997
        texts = (f"{value:.4f}" for value in (price, high, low, close, chance.uniform(1, 40)))
        bars.append(bar(number, *texts))
        price = float(f"{close:.4f}")
    return bars


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(0, 40))
def test_books_add_up_whatever_the_market_does_and_wherever_they_are_kept(seed: int, cut: int) -> None:
    bars = random_bars(seed)
    chance = random.Random(seed)
    orders = [
        order(
            str(number),
            side=chance.choice(["buy", "buy", "sell"]),
            size=Decimal(chance.randint(1, 9)),
            placed_at=NOON + chance.randint(0, 30) * STEP,
            limit=Decimal(chance.choice([98, 100, 102])) if chance.random() < 0.5 else None,
            take_profit=Decimal(103),
            stop_loss=Decimal(97),
        )
        for number in range(12)
    ]
    for each in orders:
        if each.side == "sell":
            each.limit = each.take_profit = each.stop_loss = None
    due = [[one for one in orders if one.placed_at == each.start] for each in bars]
    book, kept = Book("A-USD"), Book("A-USD")
    reports: list[Report] = []
    for number, (new, current) in enumerate(zip(due, bars, strict=True)):
        if number == cut:
            kept = BOOK.validate_json(BOOK.dump_json(kept))
        book, said = play(book, new, [current], seed=seed)
        kept, said_too = play(kept, new, [current], seed=seed)
        assert said == said_too
        reports += said
    assert book == kept

    placed = {one.order_id: one.placed_at for one in orders}
    bought, sold = Decimal(0), Decimal(0)
    filled: dict[str, Decimal] = defaultdict(Decimal)
    ids = set()
    for fill in fills(reports):
        quantity, price = Decimal(str(fill["quantity"])), Decimal(str(fill["price"]))
        moment = parse_utc(str(fill["executed_at"]))
        inside = next(one for one in bars if one.start <= moment < one.end)
        assert inside.low <= price <= inside.high
        assert quantity > 0
        assert moment >= placed.get(str(fill["order_id"]), NOON)
        filled[str(fill["order_id"])] += quantity
        ids.add((fill["order_id"], fill["fill_id"]))
        bought, sold = (bought + quantity, sold) if fill["side"] == "buy" else (bought, sold + quantity)
    assert len(ids) == len(fills(reports))
    waiting = sum((one.filled for one in book.orders if one.side == "buy"), Decimal(0))
    assert bought - sold == book.position + waiting
    for report in reports:
        if report["type"] == "order" and report["status"] == "filled":
            assert filled[str(report["order_id"])] == Decimal(str(report["size"]))
        if report.get("kind") == "CUMULATIVE":
            assert Decimal(str(report["cumulative_quantity"])) <= filled[str(report["order_id"])]


def test_nothing_fills_inside_the_bar_of_its_signal() -> None:
    _, reports = played([order()], [flat(-1)])
    assert fills(reports) == []

    _, reports = played([order()], [flat(-1), flat(0)])
    assert [fill["quantity"] for fill in fills(reports)] == ["2"]


def test_a_market_order_pays_slippage_within_the_range_and_the_taker_fee() -> None:
    _, reports = played([order()], [bar(0, "100", "110", "90", "100")])
    fill = fills(reports)[0]
    price = Decimal(str(fill["price"]))

    assert Decimal(100) <= price <= Decimal(104)
    assert Decimal(str(fill["fee"])) == price * 2 * Decimal("0.004")
    assert (fill["fee_currency"], fill["liquidity"]) == ("USD", "taker")


def test_a_limit_order_rests_until_the_price_goes_through_it_and_pays_the_maker_fee() -> None:
    resting = order(limit=Decimal(95))
    bars = [flat(0), bar(1, "100", "100", "95", "99"), bar(2, "99", "99", "94", "96")]
    _, reports = played([resting], bars)
    fill = fills(reports)[0]

    assert len(fills(reports)) == 1
    assert (fill["price"], fill["liquidity"]) == ("95", "maker")
    assert parse_utc(str(fill["executed_at"])) >= bars[2].start


def test_a_limit_order_that_is_never_reached_expires() -> None:
    book, reports = played([order(limit=Decimal(50))], [flat(number) for number in range(20)])

    assert statuses(reports) == ["open", "expired"]
    assert book.is_idle


def test_a_large_order_fills_in_parts_across_bars() -> None:
    bars = [bar(number, "100", "101", "99", "100", "8") for number in range(4)]
    _, reports = played([order()], bars)

    assert [fill["quantity"] for fill in fills(reports)] == ["0.8", "0.8", "0.4"]
    assert statuses(reports) == ["open", "filled"]


def test_some_orders_are_refused_and_a_sell_without_a_position_always() -> None:
    orders = [order(str(number)) for number in range(200)]
    _, reports = played(orders, [], replace(WILLING, refuse_chance=0.1))
    assert 5 < statuses(reports).count("rejected") < 40

    _, reports = played([order(side="sell")], [flat(0)])
    assert [one["venue_status"] for one in reports] == ["INSUFFICIENT_BALANCE"]


def bracket(*bars: Bar) -> tuple[Book, list[Report]]:
    return played([order(take_profit=Decimal(110), stop_loss=Decimal(90))], [flat(0), *bars])


def test_a_filled_entry_gets_a_stop_and_a_target_as_children() -> None:
    book, reports = bracket()
    children = [one for one in reports if one["parent_order_id"]]

    assert {one["trigger"] for one in children} == {"take_profit", "stop_loss"}
    assert {one["parent_order_id"] for one in children} == {order_id_of("paper", "a")}
    assert all(one["client_order_id"] is None and one["side"] == "sell" for one in children)
    assert book.position == 2


def test_a_target_fills_at_its_price_and_cancels_the_stop() -> None:
    book, reports = bracket(bar(1, "100", "111", "99", "105"))
    ended = {
        one["trigger"]: one["status"] for one in reports if one["parent_order_id"] and one["type"] == "order"
    }

    assert fills(reports)[-1]["price"] == "110"
    assert ended == {"take_profit": "filled", "stop_loss": "cancelled"}
    assert book.is_idle


def test_where_stop_and_target_fall_into_one_bar_it_is_the_stop() -> None:
    _, reports = bracket(bar(1, "100", "120", "80", "100"))
    ended = {
        one["trigger"]: one["status"] for one in reports if one["parent_order_id"] and one["type"] == "order"
    }

    assert ended == {"stop_loss": "filled", "take_profit": "cancelled"}
    assert Decimal(80) <= Decimal(str(fills(reports)[-1]["price"])) <= Decimal(90)


def test_a_stop_that_the_market_jumps_over_fills_at_the_open() -> None:
    _, reports = bracket(bar(1, "70", "70", "70", "70"))

    assert fills(reports)[-1]["price"] == "70"


def test_a_sell_exits_what_is_there_and_takes_the_children_with_it() -> None:
    book, _ = bracket()
    after, reports = play(
        book,
        [order("b", side="sell", size=Decimal(5), placed_at=NOON + STEP)],
        [flat(1)],
        seed=1,
        rules=WILLING,
    )

    assert [fill["quantity"] for fill in fills(reports)] == ["2"]
    assert [one["venue_status"] for one in reports if one["parent_order_id"]] == ["POSITION_CLOSED"] * 2
    assert after.is_idle


def test_an_order_that_comes_twice_is_taken_once() -> None:
    book, first = played([order()], [flat(0)])
    _, again = play(book, [order()], [flat(1)], seed=1, rules=WILLING)

    assert len(fills(first)) == 1
    assert again == []


def test_a_book_forgets_keys_only_after_days() -> None:
    book, _ = played([order()], [flat(0)])
    later, _ = play(book, [], [flat(600)], seed=1, rules=WILLING)

    assert "a" in book.seen
    assert later.seen == {}


def test_cumulative_records_say_what_the_fills_add_up_to() -> None:
    rules = replace(WILLING, cumulative_chance=1.0, split_chance=1.0)
    _, reports = played([order()], [flat(0), flat(1), flat(2)], rules)
    cumulative = [one for one in reports if one.get("kind") == "CUMULATIVE"]

    assert len(cumulative) == len(fills(reports)) > 1
    assert cumulative[-1]["cumulative_quantity"] == "2"
    assert Decimal(str(cumulative[-1]["total_fees"])) == sum(
        Decimal(str(one["fee"])) for one in fills(reports)
    )
