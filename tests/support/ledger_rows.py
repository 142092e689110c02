"""Rows of the ledger's tables, written as its owner: what readers are tested on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from tests.support.ledger import LedgerDatabase

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
END = START + timedelta(hours=6)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SET_A = UUID("11111111-6d1c-5b0e-9a54-4f0c4e6b2a11")
SET_B = UUID("22222222-6d1c-5b0e-9a54-4f0c4e6b2a22")


def minute(number: float) -> datetime:
    """Return a time so many minutes into the window."""
    return START + timedelta(minutes=number)


@dataclass
class LedgerRows:
    """Writes rows into one test's database."""

    database: LedgerDatabase

    def insert(self, table: str, values: Mapping[str, Any]) -> None:
        """Insert one row; dictionaries become JSON."""
        names = list(values)
        query = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join(sql.Placeholder() * len(names)),
        )
        row = [json.dumps(value) if isinstance(value, dict) else value for value in values.values()]
        with psycopg.connect(self.database.server.dsn(database=self.database.name)) as connection:
            connection.execute(query, row)

    def bot(self, bot_id: str, *, account: str | None = None, mode: str = "live", **changes: Any) -> None:
        """Register a bot that sends a signal for each order, on an account of its own."""
        values = {
            "bot_id": bot_id, "updated_at": START - timedelta(days=30), "source": "ccxt", "venue": "coinbase",
            "account": account or bot_id, "mode": mode, "expects_signals": "yes",
            "linked_since": START - timedelta(days=30),
        }  # fmt: skip
        self.insert("bots", {**values, **changes})

    def snapshot(self, snapshot_id: UUID = SET_A, **changes: Any) -> None:
        """Describe a snapshot."""
        values = {
            "snapshot_id": snapshot_id, "config_hash": "c", "params_hash": "p", "strategy": "matrix",
            "code_version": "3f2a", "label": "Trend",
            "parameters": {"strategy": "matrix", "score_buy": "2.5"},
        }  # fmt: skip
        self.insert("strategy_snapshots", {**values, **changes})

    def signal(self, key: str, at: float, *, bot: str = "grid1", **changes: Any) -> None:
        """Insert a signal, sent so many minutes into the window."""
        values = {
            "bot_id": bot, "client_order_id": key, "meaning": "m", "snapshot_id": SET_A, "symbol": "BTC-USD",
            "side": "buy", "trigger_type": "roc_momo", "buy_score": "4.5", "sell_score": None,
            "indicators_fired": ["rsi", "roc"], "indicator_breakdown": {"rsi": {"value": 28.125}},
            "price": "100.5", "signalled_at": minute(at), "disposition": "sent", "received_at": minute(at),
        }  # fmt: skip
        self.insert("strategy_signals", {**values, **changes})

    def order(self, order_id: str, at: float, *, account: str = "grid1", **changes: Any) -> None:
        """Insert an executed order, recorded so long ago that it is not pending."""
        values = {
            "order_id": order_id, "venue": "coinbase", "account": account, "venue_order_id": f"v-{order_id}",
            "key_is_ours": False, "symbol": "BTC-USD", "side": "buy", "status": "filled",
            "ingest_via": "stream", "filled_quantity": "2", "quantity_unit": "base",
            "average_price": "100.25",
            "notional": "200.5", "fee": "0.25", "fee_currency": "USD", "order_time": minute(at),
            "fill_count": 1, "event_count": 1, "first_recorded_at": LONG_AGO,
        }  # fmt: skip
        self.insert("trade_records", {**values, **changes})

    def linked(self, order_id: str, at: float, *, bot: str = "grid1", **changes: Any) -> None:
        """Insert a signal and the executed order that is linked to it."""
        key = f"key-{order_id}"
        order = {name: value for name, value in changes.items() if name not in ("snapshot_id", "sell_score")}
        link = {name: value for name, value in changes.items() if name in ("snapshot_id", "sell_score")}
        self.signal(key, at, bot=bot, **link)
        self.order(order_id, at, account=bot, client_order_id=key, **order)
        values = {
            "order_id": order_id, "bot_id": bot, "client_order_id": key, "meaning": "m", "snapshot_id": SET_A,
            "buy_score": "4.5", "sell_score": None, "trigger_type": "roc_momo", "signalled_at": minute(at),
            "signal_price": "100.5", "method": "key",
        }  # fmt: skip
        self.insert("trade_strategy_link", {**values, **link})
