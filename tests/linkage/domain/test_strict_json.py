"""JSON from strangers: what can be read in two ways is refused, and nothing else escapes."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.domain.errors import InvalidInputError
from linkage.domain.strict_json import NotJsonError, parse_json

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abé", max_size=4), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(_JSON)
def test_what_json_writes_is_read_back(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_either_json_or_refused(body: bytes) -> None:
    try:
        parse_json(body)
    except InvalidInputError:
        return


def test_no_digit_of_a_number_is_lost() -> None:
    assert parse_json(b'{"price":0.10000000000000000001}') == {"price": Decimal("0.10000000000000000001")}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"side=buy", b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"a":NaN}',
        b'{"a":Infinity}', b'{"a":-Infinity}',
        b'{"a":1,"a":2}', b'{"x":{"a":1,"a":1}}', b"[" * 33 + b"]" * 33, b"[" * 60_000,
    ],
    ids=lambda body: repr(body[:20]),
)  # fmt: skip
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(NotJsonError):
        parse_json(body)


def test_a_number_of_any_length_leaves_the_document_readable() -> None:
    assert parse_json(b"[" + b"9" * 5_000 + b",1]") == [Decimal("9" * 5_000), 1]


def test_a_reader_that_knows_its_fields_may_take_nan_and_infinity() -> None:
    values = parse_json(b"[NaN,Infinity,-Infinity]", non_finite=True)
    assert [str(value) for value in values] == ["NaN", "Infinity", "-Infinity"]


@pytest.mark.parametrize("body", [b'{"a":{"b":["\\u0000"]}}', b'{"a":{"b":["\\ud800"]}}'])
def test_text_that_no_database_stores_is_refused_with_its_place(body: bytes) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_json(body)
    assert caught.value.field == "a.b.0"


def test_thirty_two_levels_are_allowed() -> None:
    assert parse_json(b"[" * 32 + b"]" * 32)  # the innermost array is empty
