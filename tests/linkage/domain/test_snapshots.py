"""Snapshots are addressed by their meaning, not by their spelling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.domain.canonical import canonical_json, normalise_decimal
from linkage.domain.snapshots import make_run_id, make_snapshot

PARAMETERS = {
    "strategy": "matrix",
    "rsi_buy": 35,
    "weights": {"RSI": 2.5, "MACD": 1.8},
    "code_version": "abc",
    "exclusions": ["NXT-BTC"],
}


def test_a_snapshot_id_never_changes_between_releases() -> None:
    assert make_snapshot(PARAMETERS).snapshot_id == UUID("15de3bf8-b17f-54a1-b020-84304a07d70b")


@pytest.mark.parametrize("spelling", [0.10, "0.1", "1e-1", Decimal("0.100"), "+0.1", ".1"])
def test_one_number_has_one_snapshot_however_it_is_spelt(spelling: object) -> None:
    assert make_snapshot({"a": spelling}).snapshot_id == make_snapshot({"a": 0.1}).snapshot_id


def test_the_order_of_parameters_has_no_meaning_and_the_order_of_a_list_has() -> None:
    assert make_snapshot({"a": 1, "b": 2}).config_hash == make_snapshot({"b": 2, "a": 1}).config_hash
    assert make_snapshot({"a": [1, 2]}).config_hash != make_snapshot({"a": [2, 1]}).config_hash


def test_a_label_does_not_change_the_identity() -> None:
    assert make_snapshot(PARAMETERS, label="wide").snapshot_id == make_snapshot(PARAMETERS).snapshot_id


def test_code_version_and_exclusions_change_the_snapshot_but_not_its_group() -> None:
    other = make_snapshot({**PARAMETERS, "code_version": "def", "exclusions": []})
    assert other.snapshot_id != make_snapshot(PARAMETERS).snapshot_id
    assert other.params_hash == make_snapshot(PARAMETERS).params_hash


def test_true_is_not_one_and_null_is_not_zero() -> None:
    ids = {make_snapshot({"a": value}).snapshot_id for value in (True, 1, None, 0, "true", "")}
    assert len(ids) == 6


@pytest.mark.parametrize("text", ["1e999999999", "-1e-999999999", "9" * 70, "1.2.3", "1-2", "٣"])
def test_text_that_is_no_plain_number_stays_text(text: str) -> None:
    assert canonical_json(text) == f'"{text}"'


@given(st.decimals(min_value=-(10**20), max_value=10**20, places=8))
def test_a_normalised_decimal_keeps_its_value_and_has_one_spelling(value: Decimal) -> None:
    text = normalise_decimal(value)
    assert Decimal(text) == value
    assert normalise_decimal(Decimal(text + ("0" if "." in text else ".0"))) == text


def test_a_doubled_schedule_is_the_same_run_in_any_time_zone() -> None:
    moment = datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=9)))
    assert make_run_id("matrix", moment) == make_run_id("matrix", elsewhere)
    assert make_run_id("matrix", moment) != make_run_id("matrix", moment + timedelta(minutes=5))
