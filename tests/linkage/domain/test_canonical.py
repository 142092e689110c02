"""What numbers and times from outside may be, so that all of them can be computed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.domain.canonical import (
    bounded,
    check_not_ahead,
    check_not_before,
    is_number_text,
    time_of_number,
)

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
MOST = Decimal("9" * 30 + "." + "9" * 18)


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("0.1000000000000000055511151231257827", "0.100000000000000006"),
        ("1e-18", "1e-18"),
        ("1e29", "1" + "0" * 29),
        ("-0.30000000000000004", "-0.30000000000000004"),
        ("0e99", "0"),
        (str(MOST), str(MOST)),
    ],
)
def test_a_number_keeps_thirty_digits_before_the_point_and_eighteen_after_it(
    given_text: str, kept: str
) -> None:
    assert bounded(Decimal(given_text)) == Decimal(kept)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("1e30", "30 digits"),
        ("-1e30", "30 digits"),
        ("1e45", "30 digits"),
        ("1e999999999", "30 digits"),
        ("9" * 30 + "." + "9" * 19, "30 digits"),
        ("1e-19", "rounds to 0"),
        ("-4.9e-19", "rounds to 0"),
        ("1e-999999999", "rounds to 0"),
        ("NaN", "finite"),
        ("-Infinity", "finite"),
    ],
)
def test_a_number_that_cannot_be_computed_with_is_refused(number: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        bounded(Decimal(number))


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_whatever_number_is_kept_is_within_its_bounds_and_next_to_what_was_given(number: Decimal) -> None:
    try:
        kept = bounded(number)
    except ValueError:
        return
    assert abs(kept) <= MOST
    assert abs(kept - number) <= Decimal("5e-19")
    assert bounded(kept) == kept


@pytest.mark.parametrize(
    "number", ["1795370405", "1795370405000", "1795370405000000", "1795370405000000000", "1795370405.0"]
)
def test_the_digits_of_a_number_say_its_unit_of_time(number: str) -> None:
    assert time_of_number(Decimal(number)) == NOW + timedelta(seconds=5)


@pytest.mark.parametrize(
    "number", ["0", "45291.75", "20231231", "20231231235959", "179537040", "-1795370405", "NaN", "1e40"]
)
def test_a_number_with_other_digits_is_no_time(number: str) -> None:
    with pytest.raises(ValueError, match="no time"):
        time_of_number(Decimal(number))


@pytest.mark.parametrize(
    "moment", [datetime(2008, 12, 31, 23, 59, 59, tzinfo=UTC), NOW + timedelta(days=1, microseconds=1)]
)
def test_nothing_happened_before_2009_or_later_than_a_day_from_now(moment: datetime) -> None:
    with pytest.raises(ValueError, match=r"before 2009|a day ahead"):
        check_not_ahead(check_not_before(moment), NOW)
    assert check_not_ahead(NOW + timedelta(days=1), NOW)


@pytest.mark.parametrize("text", ["1", "-1.50", "+.5", "5.", "1e3", " 1 ", "20231231"])
def test_a_text_that_spells_a_number_is_one(text: str) -> None:
    assert is_number_text(text)


@pytest.mark.parametrize("text", ["", "1,000", "1_000", "١", "0x1", "NaN", "2026-11-22", "1e", "--1"])
def test_a_text_that_only_some_languages_read_as_a_number_is_none(text: str) -> None:
    assert not is_number_text(text)
