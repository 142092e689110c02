"""The short cut for plain fills never disagrees with the model, and is taken by what venues send."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from linkage.contracts.events import EVENT
from linkage.contracts.plain_fills import plain_fill_fact
from tests.support.events import NOW, fill, native_id, our_key

LATEST = "2026-11-23T18:00:00"

ODD = st.sampled_from(
    [
        None,
        "",
        " ",
        "a b",
        " a",
        "é",
        '"',
        "\\",
        "a\x00",
        "0",
        "-0",
        "1.50",
        "-0.0",
        "1e3",
        "+1",
        ".5",
        "5.",
        "NaN",
        "00",
        "01.0",
        "1" * 61,
        "0." + "1" * 61,
        True,
        False,
        0,
        1,
        1.5,
        [],
        {},
        ["a"],
        {"a": 1},
        "a" * 129,
        "a" * 256,
        "{2f200136-48c6-438c-855b-f4ef30e64cf8}",
        "2F200136-48C6-438C-855B-F4EF30E64CF8",
        "2f20013648c6438c855bf4ef30e64cf8",
        "2f200136-48c6438c-855bf4ef30e64cf8",
        "a" * 32,
        "12345678901234567890123456789012",
        "2026-02-30T00:00:00Z",
        "2026-11-22T18:00:05.120Z",
        "2026-11-22T18:00:05.000Z",
        "2026-11-22T18:00:05.000000Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T18:00:05.000100Z",
        "2026-11-22T18:00:05.100000Z",
        "2026-11-22T18:00:05+02:00",
        "2026-11-22T18:00:05",
        "buy",
        "sell",
        "SELL",
        "FILL",
        "REVERSAL",
        "CUMULATIVE",
        "base",
        "contracts",
        "poll",
        "fill",
        "order",
        "١",
        "2026-11-22T18:00:05Z\n",
        "1\n",
        "abc\n",
    ]
)
NAMES = sorted(
    {
        *fill("1"),
        "client_order_id",
        "parent_order_id",
        "bot_id",
        "liquidity",
        "raw",
        "origin",
        "position_id",
        "replaces_order_id",
        "refers_to",
        "status",
        "cumulative_quantity",
        "surprise",
        "position_side",
        "reduce_only",
    }
)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=8).map(str)


def by_model(event: dict[str, Any]) -> dict[str, Any]:
    fact: dict[str, Any] = EVENT.validate_json(json.dumps(event), context=NOW).fact()
    return json.loads(json.dumps(fact))  # type: ignore[no-any-return]


def agree(event: dict[str, Any]) -> None:
    text = plain_fill_fact(event, LATEST)
    if text is not None:
        assert json.loads(text) == by_model(event)


@settings(max_examples=1500, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), ODD, max_size=3), st.booleans())
@example({"executed_at": "2026-11-22T18:00:05.000100Z"}, False)
def test_whatever_a_fill_says_the_short_cut_says_what_the_model_says_or_nothing(
    changes: dict[str, Any], with_key: bool
) -> None:
    event = {**fill(native_id(1)), **changes}
    if with_key and "client_order_id" not in changes:
        event["client_order_id"] = our_key()
    text = plain_fill_fact(event, LATEST)
    if text is None:
        return
    try:
        expected = by_model(event)
    except ValidationError as error:
        raise AssertionError(f"the model refuses {event}") from error
    assert json.loads(text) == expected


@settings(max_examples=300, deadline=None)
@given(DECIMALS, DECIMALS, DECIMALS, st.datetimes().map(lambda moment: moment.isoformat() + "Z"))
def test_numbers_and_times_come_out_as_the_model_spells_them(
    price: str, quantity: str, fee: str, executed_at: str
) -> None:
    agree(fill("1234567", price=price, quantity=quantity, fee=fee, executed_at=executed_at))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_ids_come_out_as_the_model_spells_them(order_id: str, fill_id: str, key: str) -> None:
    event = fill(order_id, fill_id, client_order_id=key)
    if plain_fill_fact(event, LATEST) is not None:
        agree(event)


@pytest.mark.parametrize(
    "event",
    [
        fill(native_id(1), client_order_id=our_key()),
        fill(native_id(1), client_order_id="2f200136-48c6-438c-855b-f4ef30e64cf8"),
        fill("90210", client_order_id="entry-1", liquidity="maker", bot_id="grid1"),
        fill(
            "90210",
            price="97123.4500",
            quantity="0.00120000",
            fee="-0.10",
            executed_at="2026-11-22T18:00:05.123Z",
        ),
        fill(
            "90210", fee=None, fee_currency=None, parent_order_id=native_id(2), raw={"n": [1, 2.5, None, "é"]}
        ),
    ],
)
def test_what_venues_send_takes_the_short_cut(event: dict[str, Any]) -> None:
    text = plain_fill_fact(event, LATEST)
    assert text is not None
    assert json.loads(text) == by_model(event)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), "a\x00b"])
def test_what_the_ledger_cannot_keep_is_left_to_the_model(value: object) -> None:
    assert plain_fill_fact(fill("90210", raw={"n": [value]}), LATEST) is None


def test_a_combination_that_the_model_refuses_is_refused_again_and_again() -> None:
    for _ in range(2):
        assert plain_fill_fact(fill("1", side="hold"), LATEST) is None
        assert plain_fill_fact(fill("1", side=["buy"]), LATEST) is None


def test_unusual_combinations_do_not_fill_the_memory() -> None:
    for number in range(5000):
        assert plain_fill_fact(fill("1", symbol=f"S{number}-USD"), LATEST) is not None
