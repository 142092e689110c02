"""The canonical signal, as ``POST /v1/signals`` takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from linkage.contracts.signals import Signal
from linkage.contracts.validation import validated
from linkage.domain.errors import InvalidInputError, NotAllowedError
from linkage.domain.instruments import normalise_symbol
from linkage.sources.sender import Sender

TIMES = ("signalled_at", "bar_time")


def read_signal(document: Any, sender: Sender) -> Signal:
    """Return the signal that a body holds, with the sender's venue and account, its symbol normalised.

    Raises:
        InvalidInputError: it cannot be understood; names the field.
        NotAllowedError: it speaks for another bot, venue or account.
    """
    fields = fields_of(document)
    if fields.get("bot_id", sender.bot_id) != sender.bot_id:
        raise NotAllowedError("a signal is stored under the bot of its credential", "bot_id")
    completed = sender.complete(fields)
    del completed["bot_id"]
    return with_instrument(validated(Signal, sender.with_zone(completed, TIMES)))


def with_instrument(signal: Signal) -> Signal:
    """Return the signal with its symbol in our spelling; an unknown one stays as it is."""
    symbol = normalise_symbol(signal.symbol, signal.venue or "").symbol
    return signal if symbol == signal.symbol else signal.model_copy(update={"symbol": symbol})


def fields_of(document: Any) -> Mapping[str, Any]:
    """Return a JSON object's fields.

    Raises:
        InvalidInputError: it is no object.
    """
    if not isinstance(document, dict):
        raise InvalidInputError("the body has to be a JSON object", "body")
    return document
