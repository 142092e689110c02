"""The keys of our own orders: legal everywhere, recognised without a look-up, never colliding."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.domain.keys import (
    OrderIntent,
    global_order_id,
    is_ours,
    is_placeholder,
    make_client_order_id,
    normalise_key,
    without_venue_prefix,
)

SNAPSHOT = UUID("b042c0bb-6184-4d40-aa65-2f7c8d83a243")
INTENT = OrderIntent(
    deployment="prod",
    account="main",
    strategy="matrix",
    snapshot_id=SNAPSHOT,
    symbol="ETH-BTC",
    side="buy",
    bar_time=datetime(2026, 1, 2, 3, 5, tzinfo=UTC),
)


def test_a_key_is_32_lower_case_hex_digits_of_a_version_8_uuid() -> None:
    key = make_client_order_id(INTENT)
    assert len(key) == 32
    assert set(key) <= set("0123456789abcdef")
    assert UUID(key).version == 8
    assert UUID(key).variant == "specified in RFC 4122"


def test_the_same_intent_has_the_same_key_so_a_retry_is_the_same_order() -> None:
    assert make_client_order_id(INTENT) == make_client_order_id(dataclasses.replace(INTENT))


def test_a_key_never_changes_between_releases() -> None:
    assert make_client_order_id(INTENT) == "695735dc0b5f819c818416a0433115a0"


def test_keys_sort_in_the_order_of_their_bars() -> None:
    bars = [INTENT.bar_time + timedelta(seconds=7 * number) for number in range(200)]
    keys = [make_client_order_id(dataclasses.replace(INTENT, bar_time=bar)) for bar in bars]
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    "change",
    [
        {"deployment": "dev"},
        {"account": "other"},
        {"strategy": "grid"},
        {"snapshot_id": uuid5(SNAPSHOT, "other")},
        {"symbol": "ADA-BTC"},
        {"side": "sell"},
        {"bar_time": INTENT.bar_time + timedelta(minutes=5)},
        {"leg": "exit"},
        {"attempt": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_part_of_the_intent_changes_the_key(change: dict[str, object]) -> None:
    assert make_client_order_id(dataclasses.replace(INTENT, **change)) != make_client_order_id(INTENT)  # type: ignore[arg-type]


def test_our_keys_are_recognised_in_every_spelling_of_a_uuid() -> None:
    key = make_client_order_id(INTENT)
    for spelling in (key, key.upper(), str(UUID(key)), f"{{{UUID(key)}}}", f" {key} "):
        assert is_ours(spelling)
        assert normalise_key(spelling) == key


@given(st.integers(min_value=0, max_value=127))
def test_a_key_with_one_flipped_bit_is_not_ours(bit: int) -> None:
    key = int(make_client_order_id(INTENT), 16)
    assert not is_ours(f"{key ^ (1 << bit):032x}")


@given(st.uuids())
def test_other_peoples_uuids_are_not_ours(other: UUID) -> None:
    assert not is_ours(other.hex)


@given(st.one_of(st.none(), st.text(max_size=140)))
def test_no_text_makes_the_check_fail(text: str | None) -> None:
    assert not is_ours(text)


def test_a_native_uuid_is_its_own_order_id_and_any_other_id_is_qualified() -> None:
    native = "2F200136-48C6-438C-855B-F4EF30E64CF8"
    assert global_order_id("coinbase", "main", "ETH-BTC", native) == native.lower()
    assert global_order_id("binance", "main", "ETH-BTC", " 42 ") == "binance:main:ETH-BTC:42"


@pytest.mark.parametrize(
    "text",
    ["", " ", "0", "unknown", "None", "NULL", "nan", "undefined", "{{strategy.order.id}}", "a-{{timenow}}"],
)
def test_an_id_that_only_fills_its_place_is_a_placeholder(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize("text", ["00", "1", "unknown-1", "nullable", "{a}", "O'Nan"])
def test_an_id_that_contains_such_a_word_is_an_id(text: str) -> None:
    assert not is_placeholder(text)


@pytest.mark.parametrize(
    ("key", "venue", "kept"),
    [
        ("t-mykey1", "gate", "mykey1"),
        ("t-mykey1", "GateIO", "mykey1"),
        ("t-t-mykey1", "gate", "t-mykey1"),
        ("mykey1", "gate", "mykey1"),
        ("t-", "gate", "t-"),
        ("t-mykey1", "coinbase", "t-mykey1"),
        ("t-mykey1", None, "t-mykey1"),
    ],
)
def test_what_a_venue_puts_before_a_key_is_taken_off_once(key: str, venue: str | None, kept: str) -> None:
    assert without_venue_prefix(key, venue) == kept
