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
from linkage.domain.canonical import parse_utc
from linkage.domain.paper import Bar, Book, PaperOrder, Report, Rules, order_id_of
from linkage.domain.paper_venue import play

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STEP = timedelta(minutes=5)
WILLING = Rules(
    refuse_chance=0, split_chance=0, cumulative_chance=0, unknown_range=Decimal(0), replace_after=0
)


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


def random_orders(seed: int) -> list[PaperOrder]:
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
    return orders


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), cut=st.integers(0, 40))
def test_books_add_up_whatever_the_market_does_and_wherever_they_are_kept(seed: int, cut: int) -> None:
    bars = random_bars(seed)
    orders = random_orders(seed)
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
        if fill["liquidity"] == "maker":
            assert inside.low <= price <= inside.high
        else:
            assert inside.low * Decimal("0.98") <= price <= inside.high * Decimal("1.02")
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


def test_a_market_order_pays_half_the_spread_the_slippage_and_the_taker_fee() -> None:
    _, reports = played([order()], [bar(-1, "100", "105", "95", "100"), flat(0)])
    fill = fills(reports)[0]
    price = Decimal(str(fill["price"]))

    # Half of a tenth of the hour's range of 10 %, and at most 1.5 × half of that range × √(2 ÷ 1000).
    assert Decimal("100.5") < price < Decimal("100.5") + Decimal("0.34")
    assert abs(Decimal(str(fill["fee"])) - price * 2 * Decimal("0.004")) < Decimal("1e-9")
    assert (fill["fee_currency"], fill["liquidity"]) == ("USD", "taker")


def test_a_seller_gets_less_than_the_open_by_as_much_as_a_buyer_pays_more() -> None:
    rough = bar(-1, "100", "105", "95", "100")
    book, bought = played([order()], [rough, flat(0)])
    _, sold = play(
        book,
        [order("b", side="sell", placed_at=NOON + STEP)],
        [rough, flat(0), flat(1)],
        seed=1,
        rules=WILLING,
    )

    assert Decimal(str(fills(bought)[0]["price"])) > 100
    assert Decimal(str(fills(sold)[0]["price"])) < 100


def test_a_larger_share_of_the_volume_costs_more() -> None:
    def paid(volume: str) -> Decimal:
        before = bar(-1, "100", "105", "95", "100", volume)
        return Decimal(str(fills(played([order()], [before, flat(0)])[1])[0]["price"]))

    assert paid("10") > paid("1000") > paid("100000")


def test_what_a_taker_pays_does_not_depend_on_the_bar_that_he_fills_in() -> None:
    before = bar(-1, "100", "105", "95", "100")
    calm, wild = flat(0), bar(0, "100", "150", "50", "70", "5000")

    assert fills(played([order()], [before, calm])[1]) == fills(played([order()], [before, wild])[1])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), cut=st.integers(1, 38), twist=st.integers(0, 10_000))
def test_later_bars_change_nothing_that_was_reported_before(seed: int, cut: int, twist: int) -> None:
    bars, others = random_bars(seed), random_bars(twist)
    orders = random_orders(seed)
    known = [*bars[:cut], *others[cut:]]
    until = bars[cut - 1].end

    def told(played_bars: Sequence[Bar]) -> list[str]:
        _, reports = play(Book("A-USD"), orders, played_bars, seed=seed)
        moments = ((parse_utc(str(one.get("executed_at") or one["updated_at"])), one) for one in reports)
        return [str(one) for moment, one in moments if moment <= until]

    assert told(bars) == told(known) == told(bars[: cut + 1])


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


def test_the_same_order_has_the_same_luck_under_another_key() -> None:
    def told(key: str) -> list[object]:
        _, reports = played([order(key, take_profit=Decimal(103))], random_bars(5), Rules())
        return [(one.get("price"), one.get("quantity"), one.get("executed_at")) for one in reports]

    assert told("a") == told("b")


def test_some_orders_are_refused_and_a_sell_without_a_position_always() -> None:
    orders = [order(str(number), placed_at=NOON + timedelta(seconds=number)) for number in range(200)]
    _, reports = played(orders, [], replace(WILLING, refuse_chance=0.1))
    assert 5 < statuses(reports).count("rejected") < 40

    _, reports = played([order(side="sell")], [flat(0)])
    assert [one["venue_status"] for one in reports] == ["INSUFFICIENT_BALANCE"]


def test_an_order_is_refused_when_its_size_is_too_small_or_too_finely_spelt() -> None:
    def reason(rules: Rules = WILLING, **changes: Any) -> object:
        _, reports = played([order(**changes)], [flat(0)], rules)
        return reports[0]["venue_status"]

    assert reason(size=Decimal(0)) == "INVALID_SIZE"
    assert reason(size=Decimal("0.005"), limit=Decimal(100)) == "BELOW_MINIMUM_SIZE"
    assert reason(size=Decimal("0.005"), reference=Decimal(100)) == "BELOW_MINIMUM_SIZE"
    assert reason(size=Decimal("0.01"), reference=Decimal(100)) == "OPEN"
    assert reason(size=Decimal("1.000000001")) == "INVALID_SIZE_PRECISION"
    steps = replace(WILLING, size_step=Decimal("0.1"), price_step=Decimal("0.5"))
    assert reason(steps, size=Decimal("1.05")) == "INVALID_SIZE_PRECISION"
    assert reason(steps, limit=Decimal("99.7")) == "INVALID_PRICE_PRECISION"
    assert reason(steps, limit=Decimal("99.5"), size=Decimal("1.1")) == "OPEN"


REPLACING = replace(WILLING, replace_after=2, resting_bars=5)


def test_a_resting_order_is_replaced_by_one_at_the_last_close() -> None:
    bars = [flat(0), flat(1, "101"), bar(2, "101", "101", "100", "100.5")]
    book, reports = played([order(limit=Decimal(95))], bars, REPLACING)
    successor = next(one for one in reports if one["replaces_order_id"])
    (fill,) = fills(reports)

    assert successor["replaces_order_id"] == order_id_of("paper", "a")
    assert successor["client_order_id"] is None
    assert [one["venue_status"] for one in reports if one["order_id"] == order_id_of("paper", "a")] == [
        "OPEN", "REPLACED",
    ]  # fmt: skip
    assert (fill["order_id"], fill["price"], fill["quantity"]) == (successor["order_id"], "101", "2")
    assert book.position == 2


def test_only_what_is_left_is_replaced_and_each_part_has_its_own_exits() -> None:
    wanted = order(limit=Decimal(95), take_profit=Decimal(120), stop_loss=Decimal(80))
    bars = [
        flat(0), bar(1, "100", "100", "94", "96", "5"), bar(2, "96", "97", "95", "97"),
    ]  # fmt: skip
    book, reports = played([wanted], bars, REPLACING)
    successor = next(one for one in reports if one["replaces_order_id"])
    parents = {one["parent_order_id"] for one in reports if one["parent_order_id"]}

    assert [fill["quantity"] for fill in fills(reports)] == ["0.5", "1.5"]
    assert successor["size"] == "1.5"
    assert parents == {wanted.order_id, successor["order_id"]}
    assert [lot.remaining for lot in book.lots] == [Decimal("0.5"), Decimal("1.5")]


def test_an_order_is_replaced_as_often_as_the_rules_say_and_then_expires() -> None:
    bars = [flat(number, str(100 + number)) for number in range(12)]
    _, reports = played([order(limit=Decimal(50))], bars, REPLACING)

    assert [one["venue_status"] for one in reports] == ["OPEN", "REPLACED", "OPEN", "EXPIRED"]


def test_an_order_whose_target_was_passed_without_it_is_not_replaced() -> None:
    bars = [flat(number, "110") for number in range(6)]
    _, reports = played([order(limit=Decimal(95), take_profit=Decimal(110))], bars, REPLACING)

    assert [one["venue_status"] for one in reports] == ["OPEN", "EXPIRED"]


def test_a_sell_cancels_the_buys_that_still_rest_and_sells_what_they_bought() -> None:
    resting = order(limit=Decimal(95))
    leaving = order("b", side="sell", size=Decimal(2), placed_at=NOON + 2 * STEP)
    bars = [flat(0), bar(1, "100", "100", "94", "96", "5"), flat(2)]
    book, reports = played([resting, leaving], bars)

    assert statuses(reports, resting.order_id) == ["open", "cancelled"]
    assert [(one["side"], one["quantity"]) for one in fills(reports)] == [("buy", "0.5"), ("sell", "0.5")]
    assert book.is_idle


def test_a_sell_that_comes_with_later_bars_sells_what_is_there_at_its_own_time() -> None:
    leaving = order("b", side="sell", size=Decimal(2), placed_at=NOON + STEP)
    again = order("c", placed_at=NOON + 2 * STEP)
    book, reports = played([again, leaving, order()], [flat(number) for number in range(4)])

    assert [(one["side"], one["quantity"]) for one in fills(reports)] == [
        ("buy", "2"), ("sell", "2"), ("buy", "2"),
    ]  # fmt: skip
    assert book.position == 2


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


def test_a_target_rests_like_a_limit_order_and_a_price_that_only_touches_it_does_not_fill_it() -> None:
    book, reports = bracket(bar(1, "100", "110", "99", "105"))

    assert len(fills(reports)) == 1
    assert book.position == 2


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


def test_exits_too_get_no_more_than_their_share_of_the_volume() -> None:
    thin = [bar(number, "80", "80", "80", "80", "8") for number in (1, 2, 3)]
    _, stopped = bracket(*thin)
    assert [one["quantity"] for one in fills(stopped)[1:]] == ["0.8", "0.8", "0.4"]

    high = [bar(number, "111", "111", "111", "111", "8") for number in (1, 2, 3)]
    _, taken = bracket(*high)
    assert [one["quantity"] for one in fills(taken)[1:]] == ["0.8", "0.8", "0.4"]


def test_a_stop_that_was_hit_sells_the_rest_at_any_price() -> None:
    book, reports = bracket(bar(1, "100", "100", "89", "95", "8"), bar(2, "105", "120", "104", "115"))
    ended = {
        one["trigger"]: one["venue_status"]
        for one in reports
        if one["parent_order_id"] and one["type"] == "order"
    }

    first, second = (Decimal(str(one["price"])) for one in fills(reports)[1:])
    assert first == 90
    assert 104 < second < 105
    assert ended == {"stop_loss": "FILLED", "take_profit": "OCO"}
    assert book.is_idle


def test_a_target_that_sold_a_part_leaves_the_rest_to_the_stop() -> None:
    _, reports = bracket(bar(1, "111", "111", "111", "111", "8"), bar(2, "80", "80", "80", "80"))
    ended = {
        one["trigger"]: one["status"] for one in reports if one["parent_order_id"] and one["type"] == "order"
    }

    assert [one["quantity"] for one in fills(reports)[1:]] == ["0.8", "1.2"]
    assert ended == {"stop_loss": "filled", "take_profit": "cancelled"}


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
