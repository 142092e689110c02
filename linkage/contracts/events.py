"""What goes on the fills queue: one event, or an array of up to 100, per message.

``fact()`` turns an event into the row that the ledger stores: ids made unique over all venues, keys
normalised, decimals trimmed. The ledger takes these rows as JSON text and adds nothing of its own.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
)

from linkage.contracts.types import (
    Amount,
    FactTime,
    IngestVia,
    Name,
    OptionalId,
    OptionalKey,
    OrderNativeId,
    Quantity,
    Side,
    Wire,
)
from linkage.domain.canonical import (
    canonical_json,
    check_not_ahead,
    check_price,
    iso_utc,
    normalise_decimal,
    sha256_hex,
)
from linkage.domain.keys import global_order_id, is_ours, is_placeholder, text_of_number, venue_key

SCHEMA = "linkage.v1"

FillKind = Literal["FILL", "REVERSAL", "CORRECTION", "SYNTHETIC", "CUMULATIVE"]
OrderStatus = Literal["open", "filled", "done", "cancelled", "rejected", "expired"]

_FillId = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=128), BeforeValidator(text_of_number)
]
"""A venue's id of an execution, which may be empty."""


class _Event(Wire):
    schema_: Literal["linkage.v1"] = Field(alias="schema")
    venue: Name
    account: Name
    bot_id: Name | None = None
    order_id: OrderNativeId
    client_order_id: OptionalKey = None
    parent_order_id: OptionalId = None
    replaces_order_id: OptionalId = None
    symbol: Name
    side: Side
    position_side: Literal["long", "short"] | None = None
    reduce_only: bool | None = None
    position_id: OptionalId = None
    origin: Name | None = None
    ingest_via: IngestVia
    raw: dict[str, Any] | None = None

    @field_validator("executed_at", "created_at", "updated_at", check_fields=False)
    @classmethod
    def _has_come(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        return check_not_ahead(value, info.context)

    def _common(self) -> dict[str, Any]:
        row = self.model_dump(mode="json", exclude={"schema_", "type", "order_id"}, exclude_none=True)
        row["order_id"] = self.global_id(self.order_id)
        row["venue_order_id"] = self.order_id
        if self.client_order_id is not None:
            row["client_order_id"] = venue_key(self.client_order_id, self.venue)
        row["key_is_ours"] = is_ours(row.get("client_order_id"))
        for name in ("parent_order_id", "replaces_order_id"):
            if name in row:
                row[name] = self.global_id(row[name])
        return row

    def global_id(self, native: str) -> str:
        """Return a native order id of this event as the id that is unique over all venues."""
        return global_order_id(self.venue, self.account, self.symbol, native)


class FillEvent(_Event):
    """One execution, or with kind CUMULATIVE what the venue says the order has executed so far.

    ``price``, ``quantity`` and ``fee`` describe one execution; ``cumulative_quantity``,
    ``average_price`` and ``total_fees`` the whole order so far. Quantities are in ``quantity_unit``. A
    ``fill_id`` that is the order's own, or a placeholder, stands for a venue that numbers no executions:
    ``FillIds`` makes one.
    """

    type: Literal["fill"]
    trigger: Name | None = None
    fill_id: _FillId | None = None
    kind: FillKind = "FILL"
    refers_to: OptionalId = None
    price: Quantity | None = None
    quantity: Quantity | None = None
    quantity_unit: Literal["base", "quote", "contracts"] = "base"
    fee: Amount | None = None
    fee_currency: Name | None = None
    liquidity: Literal["maker", "taker"] | None = None
    executed_at: FactTime
    cumulative_quantity: Quantity | None = None
    average_price: Quantity | None = None
    total_fees: Amount | None = None
    status: OrderStatus | None = None

    @field_validator("price")
    @classmethod
    def _price_of_something(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        return check_price(value, info.data.get("trigger"))

    @field_validator("average_price")
    @classmethod
    def _price_of_nothing_is_none(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        # Venues write 0 where nothing has been executed yet.
        if value == 0 and info.data.get("cumulative_quantity") == 0:
            return None
        return check_price(value, info.data.get("trigger"))

    @model_validator(mode="after")
    def _complete(self) -> FillEvent:
        if self.kind == "CUMULATIVE":
            if self.cumulative_quantity is None:
                raise ValueError("cumulative_quantity is required for kind CUMULATIVE")
            return self
        for name in ("fill_id", "price", "quantity"):
            if getattr(self, name) is None:
                raise ValueError(f"{name} is required for kind {self.kind}")
        return self

    @property
    def has_fill_id(self) -> bool:
        """Whether the venue numbered this execution."""
        return self.fill_id is not None and self.fill_id != self.order_id and not is_placeholder(self.fill_id)

    def made_fill_id(self, count: int = 1) -> str:
        """Return the id of a fill that has none, a function of what it says.

        Args:
            count: which of the equal fills of one document it is, from 1.
        """
        if self.kind == "CUMULATIVE":
            numbers, rest = (self.cumulative_quantity, self.average_price, self.total_fees), self.status or ""
            return "cum:" + _digest(*numbers, rest)
        second = iso_utc(self.executed_at.replace(microsecond=0))
        kind = "" if self.kind == "FILL" else self.kind
        return "made:" + _digest(self.price, self.quantity, second, str(count), kind)

    def fact(self) -> dict[str, Any]:
        """Return the row of ``fills``; its key is (venue, account, order_id, fill_id)."""
        row = self._common()
        if not self.has_fill_id:
            row["fill_id"] = self.made_fill_id()
        return row


@dataclass(frozen=True, slots=True)
class FillIds:
    """Makes the ids that the fills of one document lack; a document is a request, a page or a file."""

    _counts: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def complete(self, event: FillEvent) -> FillEvent:
        """Return the fill with an id; equal fills of one order get different ones."""
        if event.has_fill_id:
            return event
        made = event.made_fill_id()
        if event.kind != "CUMULATIVE":
            place = (event.venue, event.account, event.symbol, event.side, event.order_id, made)
            self._counts[place] += 1
            made = event.made_fill_id(self._counts[place])
        return event.model_copy(update={"fill_id": made})


class OrderEvent(_Event):
    """What a venue or a bot says of an order; identified by the hash of its canonical body.

    Without ``status`` it only reports ids, as a bot does that knows which order carries which key and leaves
    the rest to the venue: it makes an order neither open nor ended.
    """

    type: Literal["order"]
    status: OrderStatus | None = None
    venue_status: Name | None = None
    order_type: Name | None = None
    trigger: Name | None = None
    size: Quantity | None = None
    created_at: FactTime | None = None
    updated_at: FactTime | None = None

    def fact(self) -> dict[str, Any]:
        """Return the row of ``order_events``; its key is ``event_hash``."""
        row = self._common()
        row["event_hash"] = sha256_hex(canonical_json({k: v for k, v in row.items() if k != "raw"}))
        return row


Event = Annotated[FillEvent | OrderEvent, Field(discriminator="type")]
EVENT: TypeAdapter[FillEvent | OrderEvent] = TypeAdapter(Event)
MAX_EVENTS_PER_MESSAGE = 100


def _digest(*parts: Decimal | str | None) -> str:
    texts = [normalise_decimal(part) if isinstance(part, Decimal) else part or "" for part in parts]
    return sha256_hex("|".join(texts))[:32]


def fact_text(event: FillEvent | OrderEvent) -> str:
    """Return an event's fact as JSON text, the form that the ledger takes."""
    return json.dumps(event.fact(), separators=(",", ":"), ensure_ascii=False)
