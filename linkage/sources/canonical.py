"""Our own format: the signal of ``POST /v1/signals``, and what its sender leaves out of any document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from linkage.contracts.signals import Signal
from linkage.contracts.validation import invalid_input
from linkage.domain.canonical import is_number_text
from linkage.domain.errors import ConfigurationError, InvalidInputError, NotAllowedError
from linkage.domain.instruments import normalise_symbol
from linkage.domain.keys import venue_key
from linkage.sources.sender import Sender

KEY_FIELD = "client_order_id"
PINNED_FIELDS = ("bot_id", "venue", "account")
TIMES = ("signalled_at", "bar_time")


def is_native(_fields: Mapping[str, Any]) -> bool:
    """Every post is read as a canonical one unless its source says otherwise."""
    return True


def read_signal(fields: Mapping[str, Any], sender: Sender, now: datetime) -> Signal:
    """Return the signal of a post, with the sender's venue and account, symbol and key normalised.

    Args:
        fields: of the post, a JSON object.
        sender: fills in venue and account.
        now: aware UTC; a time more than a day later is refused.

    Raises:
        InvalidInputError: it cannot be understood; names the field.
        NotAllowedError: it speaks for another bot, venue or account.
    """
    if fields.get("bot_id", sender.bot_id) != sender.bot_id:
        raise NotAllowedError("a signal is stored under the bot of its credential", "bot_id")
    completed = complete(fields, sender)
    del completed["bot_id"]
    try:
        signal = Signal.model_validate(with_zone(completed, sender, TIMES), context=now)
    except ValidationError as error:
        raise invalid_input(error) from None
    return normalised(signal)


def fields_of(document: Any) -> Mapping[str, Any]:
    """Return a JSON object's fields.

    Raises:
        InvalidInputError: it is no object.
    """
    if not isinstance(document, dict):
        raise InvalidInputError("the body has to be a JSON object", "body")
    return document


def complete(fields: Mapping[str, Any], sender: Sender) -> dict[str, Any]:
    """Return the fields with bot, venue and account of the sender's registration where they are absent.

    Raises:
        NotAllowedError: another bot than ours names a bot, venue or account that is not its own.
    """
    completed = dict(fields)
    for name in PINNED_FIELDS:
        own = getattr(sender, name)
        given = completed.get(name)
        if given is None:
            if own is not None:
                completed[name] = own
        elif not sender.first_party and given != own:
            raise NotAllowedError(f"this token's bot has another {name}", name)
    return completed


def with_zone(fields: Mapping[str, Any], sender: Sender, names: Iterable[str]) -> dict[str, Any]:
    """Return the fields with the sender's time zone in those times that have none."""
    completed = dict(fields)
    if sender.time_zone is None:
        return completed
    for name in names:
        if name in completed:
            completed[name] = _in_zone(completed[name], sender.time_zone)
    return completed


def normalised(signal: Signal) -> Signal:
    """Return the signal with its symbol and its keys in our spelling; an unknown symbol stays as it is."""
    venue = signal.venue or ""
    ours = {"symbol": normalise_symbol(signal.symbol, venue).symbol}
    for name in ("client_order_id", "parent_client_order_id"):
        key = getattr(signal, name)
        if key is not None:
            ours[name] = venue_key(key, venue)
    return signal.model_copy(update=ours)


def _in_zone(value: Any, zone: str) -> Any:
    if not isinstance(value, str) or is_number_text(value):
        return value
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return value
    if moment.tzinfo is not None:
        return value
    try:
        return moment.replace(tzinfo=ZoneInfo(zone)).isoformat()
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigurationError(f"unknown time zone {zone!r}", "time_zone") from None
