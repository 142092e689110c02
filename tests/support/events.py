"""Facts as they travel: queue messages, signals and the events of Lambda around them, with few words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from linkage.contracts.signals import Signal, StoredSignal
from linkage.domain.facts import SignalKey
from linkage.domain.ids import BotId, ClientOrderId
from linkage.domain.keys import OrderIntent, make_client_order_id

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
SNAPSHOT_A = UUID("b042c0bb-6184-4d40-aa65-2f7c8d83a243")
SNAPSHOT_B = UUID("11111111-2222-5333-8444-555555555555")


def our_key(
    number: int = 0, *, symbol: str = "BTC-USD", side: str = "buy", snapshot: UUID = SNAPSHOT_A
) -> str:
    """Return a key of our own form; another number is another key."""
    return make_client_order_id(
        OrderIntent("test", "main", "matrix", snapshot, symbol, side, NOW, attempt=number)
    )


def native_id(number: int) -> str:
    """Return a venue's order id, a UUID."""
    return f"2f200136-48c6-438c-855b-{number:012x}"


def fill(order: str, fill_id: str | None = "t1", **fields: Any) -> dict[str, Any]:
    """Return a fill event of one unit at 100."""
    event = {
        "schema": "linkage.v1", "type": "fill", "venue": "coinbase", "account": "main", "order_id": order,
        "symbol": "BTC-USD", "side": "buy", "ingest_via": "stream", "fill_id": fill_id, "kind": "FILL",
        "price": "100", "quantity": "1", "quantity_unit": "base", "fee": "0.1", "fee_currency": "USD",
        "executed_at": "2026-11-22T18:00:05Z", **fields,
    }  # fmt: skip
    return {name: value for name, value in event.items() if value is not None}


def order(order_id: str, status: str | None = "open", **fields: Any) -> dict[str, Any]:
    """Return an order event."""
    event = {
        "schema": "linkage.v1", "type": "order", "venue": "coinbase", "account": "main",
        "order_id": order_id, "symbol": "BTC-USD", "side": "buy", "ingest_via": "stream", "status": status,
        "created_at": "2026-11-22T18:00:02Z", "updated_at": "2026-11-22T18:00:03Z", **fields,
    }  # fmt: skip
    return {name: value for name, value in event.items() if value is not None}


def signal(
    key: str, *, bot: str = "sighook", snapshot: UUID | None = SNAPSHOT_A, **fields: Any
) -> tuple[SignalKey, StoredSignal]:
    """Return a stored signal and where it lives."""
    body = Signal.model_validate(
        {
            "client_order_id": key, "snapshot_id": snapshot, "venue": "coinbase", "account": "main",
            "strategy": "matrix", "symbol": "BTC-USD", "side": "buy", "trigger": "roc_momo",
            "buy_score": "2.5", "sell_score": "0.5", "price": "100", "signalled_at": NOW, **fields,
        }
    )  # fmt: skip
    assert body.client_order_id is not None
    stored = StoredSignal(
        bot_id=bot, client_order_id=body.client_order_id, snapshot_id=snapshot, signal=body, received_at=NOW
    )
    return SignalKey(BotId(bot), ClientOrderId(body.client_order_id)), stored


def sqs_event(*bodies: str | Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the event that Lambda gets for queue messages with these bodies."""
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": f"handle-{number}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795370400000"},
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:linkage-test-fills",
                "awsRegion": "eu-central-1",
            }
            for number, body in enumerate(bodies)
        ]
    }
