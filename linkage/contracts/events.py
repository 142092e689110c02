"""What goes on the fills queue: one event, or an array of up to 100, per message.

``fact()`` turns an event into the row that the ledger stores: ids made unique over all venues, keys
normalised, decimals trimmed. The ledger takes these rows as JSON text and adds nothing of its own.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, model_validator

from linkage.contracts.types import IngestVia, Key, Name, NativeId, Number, Side, UtcTime, Wire
from linkage.domain.canonical import canonical_json, normalise_decimal, sha256_hex
from linkage.domain.keys import global_order_id, is_ours

SCHEMA = "linkage.v1"

FillKind = Literal["FILL", "REVERSAL", "CORRECTION", "SYNTHETIC", "CUMULATIVE"]
OrderStatus = Literal["open", "filled", "done", "cancelled", "rejected", "expired"]


class _Event(Wire):
    schema_: Literal["linkage.v1"] = Field(alias="schema")
    venue: Name
    account: Name
    bot_id: Name | None = None
    order_id: NativeId
    client_order_id: Key | None = None
    parent_order_id: NativeId | None = None
    replaces_order_id: NativeId | None = None
    symbol: Name
    side: Side
    position_side: Literal["long", "short"] | None = None
    reduce_only: bool | None = None
    position_id: NativeId | None = None
    origin: Name | None = None
    ingest_via: IngestVia
    raw: dict[str, Any] | None = None

    def _common(self) -> dict[str, Any]:
        row = self.model_dump(mode="json", exclude={"schema_", "type", "order_id"}, exclude_none=True)
        row["order_id"] = self.global_id(self.order_id)
        row["venue_order_id"] = self.order_id
        row["key_is_ours"] = is_ours(self.client_order_id)
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
    ``average_price`` and ``total_fees`` the whole order so far. Quantities are in ``quantity_unit``.
    """

    type: Literal["fill"]
    fill_id: NativeId | None = None
    kind: FillKind = "FILL"
    refers_to: NativeId | None = None
    price: Number | None = None
    quantity: Number | None = None
    quantity_unit: Literal["base", "quote", "contracts"] = "base"
    fee: Number | None = None
    fee_currency: Name | None = None
    liquidity: Literal["maker", "taker"] | None = None
    executed_at: UtcTime
    cumulative_quantity: Number | None = None
    average_price: Number | None = None
    total_fees: Number | None = None
    status: OrderStatus | None = None

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

    def fact(self) -> dict[str, Any]:
        """Return the row of ``fills``; its key is (venue, account, order_id, fill_id)."""
        row = self._common()
        if row.get("fill_id") is None:
            parts = [self.cumulative_quantity, self.average_price, self.total_fees]
            spelt = ["" if part is None else normalise_decimal(part) for part in parts]
            row["fill_id"] = "cum:" + sha256_hex("|".join([*spelt, self.status or ""]))[:32]
        return row


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
    size: Number | None = None
    created_at: UtcTime | None = None
    updated_at: UtcTime | None = None

    def fact(self) -> dict[str, Any]:
        """Return the row of ``order_events``; its key is ``event_hash``."""
        row = self._common()
        row["event_hash"] = sha256_hex(canonical_json({k: v for k, v in row.items() if k != "raw"}))
        return row


Event = Annotated[FillEvent | OrderEvent, Field(discriminator="type")]
EVENT: TypeAdapter[FillEvent | OrderEvent] = TypeAdapter(Event)
MAX_EVENTS_PER_MESSAGE = 100


def fact_text(event: FillEvent | OrderEvent) -> str:
    """Return an event's fact as JSON text, the form that the ledger takes."""
    return json.dumps(event.fact(), separators=(",", ":"), ensure_ascii=False)
