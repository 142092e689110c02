"""Orders to benchmark with: fills as they are on the queue, their signals, a ledger full of old orders."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, LiteralString
from uuid import UUID

import psycopg
from psycopg import sql

from linkage.adapters.postgres.connection import rows
from linkage.contracts.messages import pack_messages, parse_message
from linkage.contracts.signals import Signal, StoredSignal
from linkage.domain.facts import FactBatch
from linkage.domain.keys import OrderIntent, global_order_id, make_client_order_id
from linkage.domain.snapshots import make_snapshot

START = datetime(2026, 1, 1, tzinfo=UTC)

TABLES = ("fills", "fill_receipts", "trade_records", "trade_strategy_link")
"""What a fill of a new order leaves behind: two rows of facts, two derived ones."""

Ids = Literal["increasing", "random"]
"""Of orders: numbers that follow time, as Binance gives them, or random UUIDs, as Coinbase does. Keys follow
time either way."""

_FIRST_NUMBER = 28_000_000_000
_OLD_ORDERS: LiteralString = """
CREATE UNLOGGED TABLE old_orders AS
SELECT n, gen_random_uuid()::text AS order_id,
       lpad(to_hex(%(until)s::bigint - %(orders)s::bigint + n), 8, '0')
         || substr(replace(gen_random_uuid()::text, '-', ''), 9) AS client_order_id
FROM generate_series(1, %(orders)s::bigint) AS numbers (n)
"""
_REPLACED: Mapping[str, LiteralString] = {
    "order_id": "old_orders.order_id",
    "venue_order_id": "old_orders.order_id",
    "client_order_id": "old_orders.client_order_id",
    "fill_id": "'trade-' || old_orders.n",
}
_TIMES = (
    "executed_at", "order_time", "placed_at", "ended_at", "signalled_at", "received_at", "recorded_at",
    "first_recorded_at", "updated_at", "linked_at",
)  # fmt: skip
_FILLED_TOGETHER = (
    ("strategy_signals", "fills", "fill_receipts"), ("trade_records", "trade_strategy_link"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Batch:
    """One fill each of some new orders.

    Attributes:
        order_ids: of the orders.
        signals: facts, to be in the ledger before.
        facts: the fills as the ledger takes them.
        event: the same fills as the queue delivers them to the function, as JSON text.
    """

    order_ids: Sequence[str]
    signals: Sequence[str]
    facts: FactBatch
    event: str


class Generator:
    """Makes batches of new orders."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._number = 0
        self._snapshot = make_snapshot({"strategy": "bench", "rsi": 14})

    def batch(self, size: int, ids: Ids = "random") -> Batch:
        """Return facts of that many orders, a fill and a signal for each."""
        made = [self._order(ids) for _ in range(size)]
        bodies = list(pack_messages(json.dumps(fill) for _, fill in made))
        facts = [fact for body in bodies for fact in parse_message(body, datetime.now(UTC)).fills]
        return Batch(
            order_ids=[
                global_order_id(fill["venue"], fill["account"], fill["symbol"], fill["order_id"])
                for _, fill in made
            ],
            signals=[signal for signal, _ in made],
            facts=FactBatch(fills=facts),
            event=json.dumps({"Records": [_record(number, body) for number, body in enumerate(bodies)]}),
        )

    def _order_id(self, ids: Ids) -> str:
        if ids == "increasing":
            return str(_FIRST_NUMBER + self._number)
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def _order(self, ids: Ids) -> tuple[str, dict[str, Any]]:
        self._number += 1
        at = START + timedelta(seconds=self._number)
        snapshot_id = self._snapshot.snapshot_id
        key = make_client_order_id(
            OrderIntent(
                deployment="bench", account="main", strategy="bench", snapshot_id=snapshot_id,
                symbol="BTC-USD", side="buy", bar_time=at,
            )
        )  # fmt: skip
        signal = Signal.model_validate(
            {
                "client_order_id": key, "snapshot_id": snapshot_id, "symbol": "BTC-USD", "side": "buy",
                "strategy": "bench", "trigger": "rsi", "buy_score": "4.5", "signalled_at": at,
                "indicators_fired": ["rsi", "macd"],
                "indicator_breakdown": {
                    name: {"decision": "buy", "value": "27.5", "threshold": "30", "weight": "1.5",
                           "contribution": "1.5"}
                    for name in ("rsi", "macd", "bollinger")
                },
            }
        )  # fmt: skip
        stored = StoredSignal(
            bot_id="sighook", client_order_id=key, snapshot_id=snapshot_id, signal=signal, received_at=at
        )
        fill = {
            "schema": "linkage.v1", "type": "fill", "account": "main",
            "venue": "binance" if ids == "increasing" else "coinbase",
            "symbol": "BTC-USD", "side": "buy", "client_order_id": key, "ingest_via": "stream",
            "order_id": self._order_id(ids),
            "fill_id": f"trade-{self._number}", "price": "43251.17", "quantity": "0.0125", "fee": "0.32",
            "fee_currency": "USD", "liquidity": "taker",
            "executed_at": (at + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "raw": {"entry_id": f"e{self._number}", "trade_id": str(self._number), "price": "43251.17",
                    "size": "0.0125", "commission": "0.32", "liquidity_indicator": "TAKER"},
        }  # fmt: skip
        return stored.fact_text(), fill


def _record(number: int, body: str) -> dict[str, Any]:
    return {
        "messageId": str(UUID(int=number)),
        "receiptHandle": "a receipt handle",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1767225600000"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:fills",
        "awsRegion": "us-east-1",
    }


def fill_with_old_orders(dsn: str, orders: int) -> None:
    """Multiply the one order in the ledger into as many as there should be, with its facts and its link.

    The server makes the rows, in the order of time, and indexes them afterwards. With ``wal_level`` minimal
    it does not log them, since their tables were emptied in the same transaction. Nothing reads old rows
    but through an index that has no entry for the new ones, so that no vacuum is needed.

    Args:
        dsn: of the ledger, as superuser.
        orders: how many, all with random ids. Numbers that follow time come after these in every index, as
            they come after older numbers.
    """
    with psycopg.connect(dsn, autocommit=True) as superuser:
        superuser.execute(_OLD_ORDERS, {"orders": orders, "until": int(START.timestamp())})
        with ThreadPoolExecutor(len(_FILLED_TOGETHER)) as pool:
            list(pool.map(lambda tables: _fill(dsn, tables, orders), _FILLED_TOGETHER))
        superuser.execute("DROP TABLE old_orders")
        superuser.execute("ANALYZE")


def _fill(dsn: str, tables: Sequence[str], orders: int) -> None:
    with psycopg.connect(dsn) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("SET maintenance_work_mem = '512MB'")
        for table in tables:
            keep = sql.SQL("CREATE TEMP TABLE {} AS SELECT * FROM {} LIMIT 1")
            superuser.execute(keep.format(sql.Identifier(f"one_{table}"), sql.Identifier(table)))
        names = sql.SQL(", ").join(map(sql.Identifier, tables))
        superuser.execute(sql.SQL("TRUNCATE {} CASCADE").format(names))
        for table in tables:
            _multiply(superuser, table, orders)


def _multiply(superuser: psycopg.Connection[Any], table: str, orders: int) -> None:
    columns = rows(
        superuser,
        "SELECT attname FROM pg_attribute WHERE attrelid = %(table)s::regclass AND attnum > 0"
        " AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        {"table": table},
    )
    names = [str(column.attname) for column in columns]
    query = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} t CROSS JOIN old_orders ORDER BY n").format(
        sql.Identifier(table),
        sql.SQL(", ").join(sql.Identifier(name) for name in names),
        sql.SQL(", ").join(_value(name) for name in names),
        sql.Identifier(f"one_{table}"),
    )
    # REINDEX makes them ready again.
    superuser.execute("UPDATE pg_index SET indisready = false WHERE indrelid = %s::regclass", [table])
    superuser.execute(query, {"orders": orders})
    superuser.execute(sql.SQL("REINDEX TABLE {}").format(sql.Identifier(table)))


def _value(column: str) -> sql.Composable:
    if column in _TIMES:
        return sql.SQL("t.{} - (%(orders)s - old_orders.n) * INTERVAL '1 second'").format(
            sql.Identifier(column)
        )
    if column in _REPLACED:
        return sql.SQL(_REPLACED[column])
    return sql.SQL("t.{}").format(sql.Identifier(column))
