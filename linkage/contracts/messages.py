"""A queue message's body, taken apart: facts of what can be understood, reasons for what cannot.

One bad event in an array never holds up its neighbours. Text that PostgreSQL cannot keep (a NUL
character, half a surrogate pair) is caught here, so that it cannot fail a whole batch there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from linkage.contracts.events import EVENT, Event, FillEvent, OrderEvent, fact_text

_EVENTS: TypeAdapter[list[FillEvent | OrderEvent]] = TypeAdapter(list[Event])
_NUL = "\\u0000"


@dataclass(frozen=True, slots=True)
class BadEvent:
    """An event that cannot be understood: one sentence, the dotted path it is about, the text as it came."""

    reason: str
    body: str
    field: str = ""


@dataclass(slots=True)
class ParsedMessage:
    """The facts of one message, as JSON text."""

    fills: list[str] = field(default_factory=list)
    order_events: list[str] = field(default_factory=list)
    bad: list[BadEvent] = field(default_factory=list)

    def add(self, event: FillEvent | OrderEvent) -> None:
        """Add one understood event."""
        (self.fills if isinstance(event, FillEvent) else self.order_events).append(fact_text(event))


def parse_message(body: str) -> ParsedMessage:
    """Return the facts of a message: one event, or an array of them.

    An array longer than senders may make it is taken all the same: refusing it would lose good fills.
    """
    parsed = ParsedMessage()
    if _NUL not in body:
        try:
            for event in _validated(body):
                parsed.add(event)
        except (ValidationError, ValueError):
            parsed = ParsedMessage()
        else:
            return parsed
    return _one_by_one(body)


def _validated(body: str) -> Sequence[FillEvent | OrderEvent]:
    if body.lstrip()[:1] == "[":
        return _EVENTS.validate_json(body)
    return [EVENT.validate_json(body)]


def _one_by_one(body: str) -> ParsedMessage:
    parsed = ParsedMessage()
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        parsed.bad.append(BadEvent(f"the message is not JSON: {error}", printable(body)))
        return parsed
    for element in value if isinstance(value, list) else [value]:
        try:
            parsed.add(_event(element))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            path = ".".join(str(part) for part in first["loc"] if part not in ("fill", "order"))
            parsed.bad.append(BadEvent(first["msg"], _text(element), path))
        except ValueError as error:
            parsed.bad.append(BadEvent(str(error), _text(element)))
    return parsed


def printable(text: str) -> str:
    """Return a text that PostgreSQL can keep; what it cannot is escaped."""
    return text.replace("\x00", _NUL).encode("utf-8", "backslashreplace").decode()


def _event(element: Any) -> FillEvent | OrderEvent:
    text = _text(element)
    if _NUL in text:
        raise ValueError("a NUL character")
    return EVENT.validate_json(text)


def _text(element: Any) -> str:
    return json.dumps(element)
