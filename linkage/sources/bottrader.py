"""What the existing bot's signal process posts to its own order process.

Its quirks, each seen in a running bot: ``timestamp`` is in milliseconds; ``trigger`` is an object or a
plain text; scores are spelt ``Buy Score`` or ``buy_score`` and may be null; ``order_amount_fiat`` is
quote currency on a buy but base quantity on a sell; ``action`` repeats ``side``, or says what becomes of
the position; a test order says so in ``source``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from linkage.contracts.signals import Signal
from linkage.contracts.types import FactTime, Key, Name, Quantity, Side, Wire
from linkage.contracts.validation import invalid_input
from linkage.domain.canonical import check_not_ahead
from linkage.domain.errors import InvalidInputError
from linkage.sources.canonical import normalised
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


def _blank_is_absent(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


Text = Annotated[Name | None, BeforeValidator(_blank_is_absent)]


class _Score(Wire):
    """Null is not 0: a score that was not computed stays null. The signal says which can be read."""

    model_config = ConfigDict(extra="allow")

    buy: Any = Field(default=None, validation_alias="Buy Score")
    sell: Any = Field(default=None, validation_alias="Sell Score")
    buy_score: Any = None
    sell_score: Any = None


class _Trigger(Wire):
    model_config = ConfigDict(extra="allow")

    trigger: Text = None


class BotTraderPost(Wire):
    """One post, with the fields of that bot. Fields that nobody knows yet are kept."""

    model_config = ConfigDict(extra="allow")

    timestamp: FactTime
    pair: Name
    order_id: Key
    action: Literal["buy", "sell", "open", "close", "close_at_limit"] | None = None
    side: Side
    order_type: Text = None
    order_amount_fiat: Quantity | None = None
    limit_price: Quantity | None = None
    take_profit: Quantity | None = None
    stop_loss: Quantity | None = None
    origin: Text = None
    source: Text = None
    trigger: _Trigger | None = None
    score: _Score | None = None
    snapshot_id: UUID | None = None

    @field_validator("timestamp")
    @classmethod
    def _has_come(cls, value: datetime, info: ValidationInfo) -> datetime | None:
        return check_not_ahead(value, info.context)

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


def read_signal(fields: Mapping[str, Any], sender: Sender, now: datetime) -> Signal:
    """Return the signal that a post of the existing bot means.

    Args:
        fields: of the post, a JSON object.
        sender: fills in venue and account.
        now: aware UTC; a time more than a day later is refused.

    Raises:
        InvalidInputError: it cannot be understood; names the field as that bot does.
    """
    try:
        post = BotTraderPost.model_validate(dict(fields), context=now)
        signal = _signal(post, sender)
    except ValidationError as error:
        raise invalid_input(error) from None
    return normalised(signal)


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
            # A price of 0 is none: a post that is refused would be an order that is not placed.
            "price": post.limit_price or None,
            "notional": post.order_amount_fiat if post.side == "buy" else None,
            "quantity": post.order_amount_fiat if post.side == "sell" else None,
            "order_type": post.order_type,
            "take_profit": post.take_profit or None,
            "stop_loss": post.stop_loss or None,
            "origin": "test" if is_test else (post.origin or "").lower() or None,
            "signalled_at": post.timestamp,
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
