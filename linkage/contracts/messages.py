"""A queue message's body, packed and taken apart: facts of what is understood, reasons for what is not.

One bad event in an array never holds up its neighbours. Text that PostgreSQL cannot keep (a NUL
character, half a surrogate pair) is caught here, so that it cannot fail a whole batch there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from linkage.contracts.events import EVENT, MAX_EVENTS_PER_MESSAGE, FillEvent, FillIds, fact_text
from linkage.contracts.plain_fills import plain_fill_fact
from linkage.domain.canonical import CLOCK_TOLERANCE
from linkage.domain.errors import InvalidInputError
from linkage.domain.problems import first_problem
from linkage.domain.strict_json import check_values, whole_number

_NUL = "\\u0000"
MAX_MESSAGE_BYTES = 120_000


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


def pack_messages(events: Iterable[str]) -> Iterator[str]:
    """Yield message bodies of at most 100 events and 120 kB: one event, or an array.

    Args:
        events: each as JSON text in ASCII, because SQS refuses some characters that JSON allows. One that is
            longer than 120 kB gets a message of its own.
    """
    batch: list[str] = []
    size = 0
    for text in events:
        if batch and (len(batch) == MAX_EVENTS_PER_MESSAGE or size + len(text) > MAX_MESSAGE_BYTES):
            yield _packed(batch)
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield _packed(batch)


def _packed(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"[{','.join(texts)}]"


def parse_message(body: str, now: datetime) -> ParsedMessage:
    """Return the facts of a message: one event, or an array of them.

    An array longer than senders may make it is taken all the same: refusing it would lose good fills.

    Args:
        body: JSON text.
        now: aware UTC; what happens more than a day later is no time that anything happened at.
    """
    parsed = ParsedMessage()
    plain: Callable[[Any, str], str | None] = plain_fill_fact
    try:
        value = from_json(body)
    except ValueError:
        # Stricter than the standard library: half a surrogate pair in one event fails its neighbours.
        plain = _never_plain
        try:
            value = json.loads(body, parse_int=whole_number)
        except (ValueError, RecursionError) as error:
            parsed.bad.append(BadEvent(f"the message is not JSON: {error}", printable(body)))
            return parsed
    latest = f"{now + CLOCK_TOLERANCE:%Y-%m-%dT%H:%M:%S}"
    fill_ids = FillIds()
    for element in value if isinstance(value, list) else [value]:
        fact = plain(element, latest)
        if fact is not None:
            parsed.fills.append(fact)
        else:
            _add(parsed, element, fill_ids, now)
    return parsed


def _never_plain(_element: object, _latest: str) -> None:
    return None


def _add(parsed: ParsedMessage, element: Any, fill_ids: FillIds, now: datetime) -> None:
    text = json.dumps(element, default=str)
    if _NUL in text:
        parsed.bad.append(BadEvent("a NUL character", text, _unstorable_field(element)))
        return
    try:
        event = EVENT.validate_json(text, context=now)
        if isinstance(event, FillEvent):
            parsed.fills.append(fact_text(fill_ids.complete(event)))
        else:
            parsed.order_events.append(fact_text(event))
    except ValidationError as error:
        path, reason = first_problem(error, tags=("fill", "order"))
        parsed.bad.append(BadEvent(reason, text, path or _unstorable_field(element)))
    except ValueError as error:
        parsed.bad.append(BadEvent(str(error), text))


def _unstorable_field(element: Any) -> str:
    """Return the path of the text that no database stores."""
    try:
        check_values(element)
    except InvalidInputError as error:
        return error.field
    return ""


def printable(text: str) -> str:
    """Return a text that PostgreSQL can keep; what it cannot is escaped."""
    return text.replace("\x00", _NUL).encode("utf-8", "backslashreplace").decode()
