"""Values at the contract: signs, zeros, placeholders, ids that are no ids, times that are no times."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.contracts.messages import parse_message
from linkage.contracts.signals import Signal
from linkage.domain.canonical import CLOCK_TOLERANCE, EARLIEST, parse_utc
from linkage.domain.errors import InvalidInputError
from linkage.sources.canonical import read_signal
from linkage.sources.sender import Sender
from tests.support.events import NOW, fill, native_id, order

SENDER = Sender("grid", venue="coinbase", account="main")
SIGNAL: dict[str, Any] = {"symbol": "BTC-USD", "side": "buy", "signalled_at": "2026-11-22T17:59:00Z"}
NUMBERS = (
    "price", "quantity", "fee", "cumulative_quantity", "average_price", "total_fees", "size", "notional",
    "take_profit", "stop_loss", "buy_score", "sell_score", "propensity",
)  # fmt: skip
TIMES = ("executed_at", "created_at", "updated_at", "signalled_at", "bar_time")
SIGNED = frozenset(["fee", "total_fees", "buy_score", "sell_score", "propensity"])
PRICES = frozenset(["price", "average_price", "take_profit", "stop_loss"])


def facts_of(*events: dict[str, Any]) -> list[dict[str, Any]]:
    parsed = parse_message(json.dumps(events), NOW)
    assert parsed.bad == []
    return [json.loads(text) for text in (*parsed.fills, *parsed.order_events)]


def fact_of(event: dict[str, Any]) -> dict[str, Any]:
    (fact,) = facts_of(event)
    return fact


def refused_field(event: dict[str, Any]) -> str:
    parsed = parse_message(json.dumps(event), NOW)
    (bad,) = parsed.bad
    assert (parsed.fills, parsed.order_events) == ([], [])
    return bad.field


def record(**fields: Any) -> dict[str, Any]:
    """Return what a venue says that an order has executed so far."""
    event = fill("1", None, kind="CUMULATIVE", cumulative_quantity="1")
    return {name: value for name, value in event.items() if name not in ("price", "quantity", "fee")} | fields


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (fill("1", quantity="-38.00"), "quantity"),
        (fill("1", quantity=-1e-9), "quantity"),
        (fill("1", side="sell", quantity="-0.5"), "quantity"),
        (fill("1", kind="REVERSAL", quantity="-1"), "quantity"),
        (fill("1", price="-37.63"), "price"),
        (record(cumulative_quantity="-1"), "cumulative_quantity"),
        (record(average_price=-1), "average_price"),
        (order("1", size="-2"), "size"),
    ],
)
def test_a_sign_is_no_side(event: dict[str, Any], field: str) -> None:
    assert refused_field(event) == field


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (fill("1", price=0), "price"),
        (fill("1", price="0.000"), "price"),
        (fill("1", price="0", trigger="liquidation"), "price"),
        (fill("1", price="0", quantity="0"), "price"),
        (record(average_price="0"), "average_price"),
        (fill("1", quantity="1e-30"), "quantity"),
        (fill("1", fee="1e-19"), "fee"),
    ],
)
def test_a_null_that_became_0_is_refused(event: dict[str, Any], field: str) -> None:
    assert refused_field(event) == field


def test_zeros_that_mean_something_are_taken() -> None:
    assert fact_of(fill("1", quantity=0))["quantity"] == "0"
    assert fact_of(fill("1", price=0, trigger="expiry"))["price"] == "0"
    assert fact_of(order("1", size="0.0"))["size"] == "0"
    nothing_yet = fact_of(record(cumulative_quantity="0", average_price="0"))
    assert (nothing_yet["cumulative_quantity"], "average_price" in nothing_yet) == ("0", False)


def test_a_fee_has_any_sign() -> None:
    assert fact_of(fill("1", fee="-0.25"))["fee"] == "-0.25"
    assert fact_of(record(total_fees="-0.25"))["total_fees"] == "-0.25"


@pytest.mark.parametrize("order_id", [0, "0", "Unknown", "none", "NULL", "nan", "undefined", "{{order.id}}"])
@pytest.mark.parametrize("make", [fill, order])
def test_an_order_without_an_id_is_no_order(make: Any, order_id: object) -> None:
    assert refused_field(make(order_id)) == "order_id"


@pytest.mark.parametrize("name", ["client_order_id", "parent_order_id", "replaces_order_id", "position_id"])
@pytest.mark.parametrize("value", ["", " ", "0", 0, "null", "{{strategy.order.id}}"])
def test_another_id_that_only_fills_its_place_is_none(name: str, value: Any) -> None:
    assert name not in fact_of(fill("1", **{name: value}))
    assert name not in fact_of(order("1", **{name: value}))


@pytest.mark.parametrize("number", [1, 100234, 2**63, 10**40])
def test_a_number_is_an_id(number: int) -> None:
    ids = {"order_id": number, "fill_id": number + 1, "client_order_id": number}
    event = fill("x") | ids | {"parent_order_id": number + 2, "position_id": 7}
    fact = fact_of(event)
    assert (fact["venue_order_id"], fact["fill_id"]) == (str(number), str(number + 1))
    assert (fact["client_order_id"], fact["position_id"]) == (str(number), "7")
    assert fact["parent_order_id"].endswith(f":{number + 2}")
    assert fact_of(order("x") | {"order_id": number})["venue_order_id"] == str(number)


def test_a_whole_number_that_went_through_a_float_is_an_id_while_it_has_lost_no_digit() -> None:
    assert fact_of(fill("x") | {"order_id": 100234.0})["venue_order_id"] == "100234"


@pytest.mark.parametrize("value", [1.5, True, [1], 1e20, float("nan")])
def test_what_is_no_whole_number_is_no_id(value: object) -> None:
    assert refused_field(fill("x") | {"order_id": value}) == "order_id"


@pytest.mark.parametrize(
    "at",
    [
        45291.75, "45291", "20231231", 20231231, "20231231181245", 0, "-1795370405", 1, "1.7e9", True,
        "2125-12-31T18:12:45Z", "2008-12-31T00:00:00Z", "1601-01-01T00:00:00Z", "2026-11-23T18:00:00.000001Z",
        "2026-11-22", "2026-11-22T18:00:05", "22.11.2026", 179537040500, float("nan"),
    ],
)  # fmt: skip
def test_a_number_or_a_text_that_is_no_time_is_refused(at: object) -> None:
    assert refused_field(fill("1", executed_at=at)) == "executed_at"
    assert refused_field(order("1", created_at=at)) == "created_at"
    assert refused_field(order("1", updated_at=at)) == "updated_at"


@pytest.mark.parametrize(
    "at",
    [
        1795370405, "1795370405", 1795370405000, "1795370405000000", 1795370405000000000, 1795370405.0,
        "2026-11-22T18:00:05Z", "2026-11-22 19:00:05+01:00", " 2026-11-22T18:00:05+00:00 ",
    ],
)  # fmt: skip
def test_a_time_is_iso_8601_with_a_zone_or_a_number_of_ten_to_nineteen_digits(at: object) -> None:
    assert fact_of(fill("1", executed_at=at))["executed_at"] == "2026-11-22T18:00:05Z"


@pytest.mark.parametrize("fill_id", ["9", 9, "", "0", "none", "{{trade.id}}"])
def test_equal_fills_without_ids_of_their_own_are_each_kept(fill_id: Any) -> None:
    same = fill("9", fill_id=fill_id)
    later = fill("9", fill_id=fill_id, executed_at="2026-11-22T18:00:06Z")
    more = fill("9", fill_id=fill_id, quantity="2")
    facts = facts_of(same, same, later, more)
    assert len({fact["fill_id"] for fact in facts}) == 4
    # Another document that has the same fills has the same ids, whatever else is in it.
    stranger = fill("10", fill_id="null")
    again = facts_of(stranger, more, same, later, same)
    assert {fact["fill_id"] for fact in again[1:]} == {fact["fill_id"] for fact in facts}
    assert again[0]["fill_id"] == facts[0]["fill_id"]


def test_a_made_id_is_a_function_of_the_second_the_price_and_the_quantity() -> None:
    def made(**fields: Any) -> str:
        return str(fact_of(fill("9", fill_id="9", **fields))["fill_id"])

    assert made() == made(executed_at="2026-11-22T18:00:05.900Z", price="100.0", fee="0.2")
    assert len({made(), made(price="101"), made(quantity="3"), made(kind="REVERSAL")}) == 4


def test_an_id_of_the_venues_own_stays_beside_those_that_are_made() -> None:
    facts = facts_of(fill("9", fill_id="7"), fill("9", fill_id="9"))
    assert facts[0]["fill_id"] == "7"
    assert facts[1]["fill_id"].startswith("made:")


def test_a_cumulative_record_named_after_its_order_is_known_by_what_it_says() -> None:
    first, second = facts_of(record(fill_id="1"), record(fill_id="1", cumulative_quantity="2"))
    assert first["fill_id"].startswith("cum:")
    assert first["fill_id"] != second["fill_id"]


ODD_NUMBERS: st.SearchStrategy[Any] = (
    st.decimals().map(str)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.floats()
    | st.integers()
    | st.sampled_from(["", "NaN", "None", "0", "-0", "1e30", "1e-19", "9" * 60, "0." + "1" * 60, "1_0", "٣"])
    | st.sampled_from([None, True, [], {}])
)
ODD_TIMES: st.SearchStrategy[Any] = (
    st.datetimes().map(lambda moment: moment.isoformat() + "Z")
    | st.integers(0, 10**20)
    | st.floats()
    | st.decimals().map(str)
    | st.sampled_from(["now", "", None, "2026-11-22T18:00:05", "45291.75", True])
)
CHANGES = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(NUMBERS, ODD_NUMBERS) | dict.fromkeys(TIMES, ODD_TIMES)
)
SHAPES = st.sampled_from(
    [fill(native_id(1)), fill("42", "42"), record(average_price="100"), order(native_id(1), "open", size="3")]
)


def check_bounds(fact: dict[str, Any]) -> None:
    """Hold that every number and every time of a fact is within its bounds."""
    for name in NUMBERS:
        if fact.get(name) is not None:
            number = Decimal(fact[name])
            assert abs(number) < Decimal(10) ** 30, name
            assert number.as_tuple().exponent >= -18, name  # type: ignore[operator]
            assert name in SIGNED or number >= 0, name
            assert name not in PRICES or number > 0, name
    for name in TIMES:
        if fact.get(name) is not None:
            assert EARLIEST <= parse_utc(fact[name]) <= NOW + CLOCK_TOLERANCE, name


def leaves(value: Any) -> Iterator[Any]:
    """Yield what is in a JSON value, without its objects and arrays."""
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from leaves(item)
    if not isinstance(value, (dict, list)):
        yield value


@settings(max_examples=600, deadline=None)
@given(SHAPES, CHANGES)
def test_whatever_fill_or_order_is_taken_can_be_computed_and_a_refusal_names_a_field(
    event: dict[str, Any], changes: dict[str, Any]
) -> None:
    named = set(event) | ({"size", "created_at", "updated_at"} if event["type"] == "order" else set())
    changed = event | {name: value for name, value in changes.items() if name in named or name in ("fee",)}
    parsed = parse_message(json.dumps(changed, default=str), NOW)
    for text in (*parsed.fills, *parsed.order_events):
        check_bounds(json.loads(text))
    assert all(bad.field for bad in parsed.bad)
    assert len(parsed.fills) + len(parsed.order_events) + len(parsed.bad) == 1


INDICATORS = st.recursive(
    ODD_NUMBERS, lambda inner: st.dictionaries(st.sampled_from(["rsi", "value"]), inner), max_leaves=5
)


@settings(max_examples=600, deadline=None)
@given(CHANGES, INDICATORS)
def test_whatever_signal_is_taken_can_be_computed_and_a_refusal_names_a_field(
    changes: dict[str, Any], breakdown: Any
) -> None:
    fields = {name: value for name, value in changes.items() if name not in ("executed_at", "created_at")}
    signal, field = read({**SIGNAL, **fields, "indicator_breakdown": breakdown})
    if signal is None:
        assert field.partition(".")[0] in {*NUMBERS, *TIMES} - {"buy_score", "sell_score"}
        return
    check_bounds(signal.model_dump(mode="json", exclude={"extra"}))
    for leaf in leaves(signal.indicator_breakdown):
        if isinstance(leaf, (float, Decimal)):
            assert abs(Decimal(leaf)) < Decimal(10) ** 30
    assert json.dumps(signal.model_dump(mode="json"), allow_nan=False)


def read(document: dict[str, Any]) -> tuple[Signal | None, str]:
    """Return the signal of a document, or the field for which it is refused."""
    try:
        return read_signal(document, SENDER, NOW), ""
    except InvalidInputError as error:
        return None, error.field
