"""What ``read_ledger`` is asked: the fields of an event, each checked when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from linkage.domain.canonical import parse_utc
from linkage.domain.errors import InvalidInputError
from linkage.domain.facts import Window

MAX_NUMBER = 2**63 - 1
"""PostgreSQL counts to there and no further."""


class ReadRequest:
    """An event of ``read_ledger``.

    What is missing or makes no sense is an ``InvalidInputError`` that names the field.
    """

    def __init__(self, event: Mapping[str, Any]) -> None:
        self._event = event

    @property
    def operation(self) -> object:
        """What is asked for."""
        return self._event.get("op")

    def window(self) -> Window:
        """Return ``start`` and ``end``, in that order."""
        window = Window(_time(self.text("start"), "start"), _time(self.text("end"), "end"))
        if window.start >= window.end:
            raise InvalidInputError("start must be before end", "start")
        return window

    def text(self, field: str) -> str:
        """Return a text that is not blank."""
        value = self._event.get(field)
        if not isinstance(value, str) or not value.strip():
            raise InvalidInputError(f"{field} is required", field)
        return value

    def names(self, field: str) -> list[str] | None:
        """Return a list of names, or None where there is none."""
        value = self._event.get(field)
        if value is None:
            return None
        if not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
            raise InvalidInputError(f"{field} has to be a list of names", field)
        return value

    def flag(self, field: str) -> bool:
        """Return whether something is asked for; what is not ``true`` is not."""
        return self._event.get(field) is True

    def number(self, field: str) -> int:
        """Return a number above 0."""
        return _number(self._event.get(field), field)

    def cursor(self, field: str) -> tuple[datetime, int] | None:
        """Return the time and number that the page before ended with, or None for the first page."""
        value = self._event.get(field)
        if value is None:
            return None
        if not (isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)):
            raise InvalidInputError(f"{field} has to be the cursor of the page before", field)
        return _time(value[0], field), _number(value[1], field)


def _time(text: str, field: str) -> datetime:
    try:
        return parse_utc(text)
    except ValueError as error:
        raise InvalidInputError(str(error), field) from None


def _number(value: object, field: str) -> int:
    if not isinstance(value, int) or not 0 < value <= MAX_NUMBER:
        raise InvalidInputError(f"{field} has to be a number above 0", field)
    return value
