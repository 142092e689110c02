"""What the existing bot's signal process posts to its own order process.

Its quirks, each seen in a running bot: ``timestamp`` is in milliseconds; ``trigger`` is an object or a
plain text; scores are spelt ``Buy Score`` or ``buy_score`` and may be null; ``order_amount_fiat`` is
quote currency on a buy but base quantity on a sell; ``action`` repeats ``side``, or says what becomes of
the position; a test order says so in ``source``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from linkage.contracts.signals import Signal
from linkage.contracts.types import Key, Name, Number, Side, Wire
from linkage.contracts.validation import invalid_input
from linkage.domain.errors import InvalidInputError
from linkage.sources.canonical import with_instrument
from linkage.sources.sender import Sender

STRATEGY = "bottrader"
KEY_FIELD = "order_id"
SETUP = """\
In the signal process:
  webhook URL    {url}
  bearer token   {token}

For the link, one of the two:
  - the order process places the order with the post's order_id as client_order_id, or
  - it reports both ids after placing:
    POST {api}/v1/orders
    {{"client_order_id":"<order_id of the post>","order_id":"<order id of the venue>",
     "venue":"{venue}","account":"{account}"}}
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_2100_MS = 4_102_444_800_000


def _blank_is_absent(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


Text = Annotated[Name | None, BeforeValidator(_blank_is_absent)]


class _Score(Wire):
    """Null is not 0: a score that was not computed stays null."""

    model_config = ConfigDict(extra="allow")

    buy: Number | None = Field(default=None, validation_alias="Buy Score")
    sell: Number | None = Field(default=None, validation_alias="Sell Score")
    buy_score: Number | None = None
    sell_score: Number | None = None


class _Trigger(Wire):
    model_config = ConfigDict(extra="allow")

    trigger: Text = None


class BotTraderPost(Wire):
    """One post, with the fields of that bot. Fields that nobody knows yet are kept."""

    model_config = ConfigDict(extra="allow")

    timestamp: int = Field(ge=0, le=_YEAR_2100_MS)
    pair: Name
    order_id: Key
    action: Literal["buy", "sell", "open", "close", "close_at_limit"] | None = None
    side: Side
    order_type: Text = None
    order_amount_fiat: Number | None = Field(default=None, ge=0)
    limit_price: Number | None = Field(default=None, ge=0)
    take_profit: Number | None = None
    stop_loss: Number | None = None
    origin: Text = None
    source: Text = None
    trigger: _Trigger | None = None
    score: _Score | None = None
    snapshot_id: UUID | None = None

    @field_validator("side", "action", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("trigger", mode="before")
    @classmethod
    def _object(cls, value: Any) -> Any:
        return {"trigger": value} if isinstance(value, str) else value


def is_native(fields: Mapping[str, Any]) -> bool:
    """Whether a post is that bot's: it has `pair` where everybody else has `symbol`."""
    return "symbol" not in fields


def read_signal(fields: Mapping[str, Any], sender: Sender) -> Signal:
    """Return the signal that a post of the existing bot means.

    Raises:
        InvalidInputError: it cannot be understood; names the field as that bot does.
    """
    try:
        post = BotTraderPost.model_validate(dict(fields))
        signal = _signal(post, sender)
    except ValidationError as error:
        raise invalid_input(error) from None
    return with_instrument(signal)


def _signal(post: BotTraderPost, sender: Sender) -> Signal:
    if post.action in ("buy", "sell") and post.action != post.side:
        raise InvalidInputError("action contradicts side", "action")
    trigger = post.trigger or _Trigger()
    score = post.score or _Score()
    is_test = (post.source or "").upper() == "TEST"
    return Signal.model_validate(
        {
            "client_order_id": post.order_id,
            "snapshot_id": post.snapshot_id,
            "venue": sender.venue,
            "account": sender.account,
            "strategy": STRATEGY,
            "symbol": post.pair,
            "side": post.side,
            "trigger": trigger.trigger,
            "buy_score": score.buy_score if score.buy is None else score.buy,
            "sell_score": score.sell_score if score.sell is None else score.sell,
            "price": post.limit_price,
            "notional": post.order_amount_fiat if post.side == "buy" else None,
            "quantity": post.order_amount_fiat if post.side == "sell" else None,
            "order_type": post.order_type,
            "take_profit": post.take_profit,
            "stop_loss": post.stop_loss,
            "origin": "test" if is_test else (post.origin or "").lower() or None,
            "signalled_at": _EPOCH + timedelta(milliseconds=post.timestamp),
            "extra": _extras(post),
        }
    )


def _extras(post: BotTraderPost) -> dict[str, Any]:
    """What has no place in a signal; the parts of trigger and score keep their names."""
    extras = dict(post.model_extra or {})
    for part in (post.trigger, post.score):
        extras.update((part.model_extra if part else None) or {})
    extras.update(action=post.action, source=post.source)
    return {name: value for name, value in extras.items() if value is not None}
