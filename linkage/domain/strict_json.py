"""JSON from strangers: everything that two parsers could read in two ways is refused.

Numbers with a point become ``Decimal``, so that no digit is lost on the way to the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from linkage.domain.errors import InvalidInputError

MAX_DEPTH = 32
_LONGEST_INT = 100
"""Digits. Python makes no whole number of more than 4,300 out of text."""


class NotJsonError(InvalidInputError):
    """The body is no JSON document at all."""


def parse_json(body: bytes, *, max_depth: int = MAX_DEPTH, non_finite: bool = False) -> Any:
    """Return the document in a body of UTF-8 bytes.

    Args:
        body: the raw bytes.
        max_depth: how deep objects and arrays may be nested.
        non_finite: take NaN and Infinity, as decimals, for a reader that knows which field each is in.

    Raises:
        NotJsonError: not UTF-8, not JSON, NaN or Infinity, a key twice in one object, or too deep.
        InvalidInputError: a text holds a NUL or half a surrogate pair, which no database stores.
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_float=Decimal,
            parse_int=whole_number,
            parse_constant=Decimal if non_finite else _refuse_constant,
            object_pairs_hook=object_without_duplicates,
        )
    except NotJsonError:
        raise
    except RecursionError:
        raise NotJsonError("the body is nested too deeply") from None
    except UnicodeDecodeError:
        raise NotJsonError("the body is not UTF-8") from None
    except (ValueError, ArithmeticError):
        raise NotJsonError("the body is not JSON") from None
    check_values(value, max_depth=max_depth)
    return value


def whole_number(text: str) -> int | Decimal:
    """Return a number without a point; for ``json.loads``, which else fails the document for a long one."""
    return int(text) if len(text) <= _LONGEST_INT else Decimal(text)


def check_values(value: Any, *, max_depth: int = MAX_DEPTH) -> None:
    """Refuse a document, in whatever format it was written, that is too deep or that no database stores.

    Raises:
        NotJsonError: objects and arrays are nested deeper than that.
        InvalidInputError: a text holds a NUL or half a surrogate pair; ``field`` is its path.
    """
    _check(value, "", max_depth)


def finite_only(value: Any, path: str, unreadable: dict[str, str]) -> Any:
    """Return a JSON value with null in place of each number that is none; ``unreadable`` has their paths."""
    if isinstance(value, (float, Decimal)) and not Decimal(value).is_finite():
        unreadable[path] = "not a finite number"
        return None
    if isinstance(value, Mapping):
        return {name: finite_only(item, _under(path, name), unreadable) for name, item in value.items()}
    if isinstance(value, list):
        return [finite_only(item, _under(path, index), unreadable) for index, item in enumerate(value)]
    return value


def _under(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)


def _refuse_constant(name: str) -> Any:
    raise NotJsonError(f"{name} is not JSON")


def object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of its pairs; for ``json.loads``, which else keeps the last of two with one name.

    Raises:
        NotJsonError: a name occurs twice.
    """
    result = dict(pairs)
    if len(result) != len(pairs):
        raise NotJsonError("a name occurs twice in one object")
    return result


def _check(value: Any, path: str, depth: int) -> None:
    if isinstance(value, str):
        _check_text(value, path)
        return
    if not isinstance(value, (dict, list)):
        return
    if depth == 0:
        raise NotJsonError("the body is nested too deeply")
    if isinstance(value, dict):
        for name, item in value.items():
            _check_text(name, path)
            _check(item, f"{path}.{name}" if path else name, depth - 1)
    else:
        for index, item in enumerate(value):
            _check(item, f"{path}.{index}" if path else str(index), depth - 1)


def _check_text(text: str, path: str) -> None:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidInputError("the text holds a character that cannot be stored", path)
