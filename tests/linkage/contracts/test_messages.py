"""A queue message taken apart: what is good is kept, what is bad says why."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from linkage.contracts.messages import parse_message
from tests.support.events import NOW, fill, native_id, order


def test_one_event_and_an_array_of_events_are_both_a_message() -> None:
    one = parse_message(json.dumps(fill(native_id(1))), NOW)
    many = parse_message(json.dumps([fill(native_id(1)), order(native_id(1)), fill(native_id(2))]), NOW)
    assert (len(one.fills), len(one.order_events), one.bad) == (1, 0, [])
    assert (len(many.fills), len(many.order_events), many.bad) == (2, 1, [])


def test_a_bad_event_leaves_its_neighbours_alone_and_names_its_field() -> None:
    parsed = parse_message(
        json.dumps([fill(native_id(1)), fill(native_id(2), side="hold"), fill(native_id(3))]), NOW
    )
    assert [json.loads(fact)["order_id"] for fact in parsed.fills] == [native_id(1), native_id(3)]
    (bad,) = parsed.bad
    assert bad.field == "side"
    assert json.loads(bad.body)["order_id"] == native_id(2)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("buy 1 BTC", "not JSON"),
        ("null", "an object"),
        ("[1]", "an object"),
        ("{}", "discriminator"),
        ("[" * 5000, "not JSON"),
    ],
)
def test_what_is_no_event_is_bad_with_its_reason(body: str, reason: str) -> None:
    (bad,) = parse_message(body, NOW).bad
    assert reason in bad.reason


@pytest.mark.parametrize(
    "fields",
    [
        {"raw": {"note": "a\x00b"}},
        {"symbol": "a\x00b"},
        {"raw": {"note": "\ud800"}},
        {"price": float("inf")},
        {"price": "NaN"},
        {"price": "1e400"},
        {"executed_at": "2026-11-22T18:00:05"},
        {"venue": ""},
        {"surprise": 1},
        {"schema": "linkage.v2"},
    ],
    ids=str,
)
def test_what_the_ledger_cannot_keep_is_bad_here_and_its_neighbour_is_not(fields: dict[str, Any]) -> None:
    parsed = parse_message(json.dumps([fill(native_id(1), **fields), fill(native_id(2))]), NOW)
    assert [json.loads(fact)["order_id"] for fact in parsed.fills] == [native_id(2)]
    (bad,) = parsed.bad
    assert "\x00" not in bad.body
    assert bad.body.encode()


def test_an_empty_array_is_nothing_and_not_an_error() -> None:
    parsed = parse_message("[]", NOW)
    assert (parsed.fills, parsed.order_events, parsed.bad) == ([], [], [])


def test_more_events_than_a_sender_may_send_are_recorded_all_the_same() -> None:
    parsed = parse_message(json.dumps([fill(native_id(number)) for number in range(101)]), NOW)
    assert len(parsed.fills) == 101


def test_a_number_that_is_none_costs_a_raw_body_that_number_and_not_the_fill() -> None:
    for neighbours in cast("list[list[object]]", [[], [{}]]):
        event = fill(native_id(1), raw={"value": float("nan")})
        parsed = parse_message(json.dumps([event, *neighbours]), NOW)
        assert json.loads(parsed.fills[0])["raw"] == {"value": None}
