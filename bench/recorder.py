"""What the recorder's two database steps cost, beside COPY of the same rows into the same tables.

COPY is the practical limit: it writes the rows that our steps would leave behind, facts and derived rows
alike, indexes and foreign keys included, and decides nothing. Each round uses fresh orders; the three are
measured in turn on one server, so that the ratio is one of equals.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from functions.migrate.service import migrate
from linkage.adapters.postgres_connection import LedgerConnection
from linkage.adapters.postgres_ledger import PostgresLedger
from linkage.contracts.events import EVENT, fact_text
from linkage.contracts.signals import Signal, StoredSignal
from linkage.domain.facts import FactBatch
from linkage.domain.keys import OrderIntent, make_client_order_id
from linkage.domain.snapshots import make_snapshot
from linkage.runtime.settings import DatabaseSettings
from local.postgres import HOST, PostgresServer

SIZES = (1, 10, 100, 1_000, 5_000)
ROUNDS = {1: 60, 10: 40, 100: 25, 1_000: 15, 5_000: 5}
DATABASE, COPIED = "linkage", "copied"
TABLES = ("fills", "fill_receipts", "order_events", "trade_records", "trade_strategy_link")
START = datetime(2026, 1, 1, tzinfo=UTC)
OUT = Path(__file__).resolve().parents[1] / "out" / "bench" / "recorder.json"


@dataclass(frozen=True, slots=True)
class Batch:
    """Facts of one batch: a fill per order, and its order event; signals are there before."""

    signals: Sequence[str]
    fills: Sequence[str]
    order_events: Sequence[str]


class Generator:
    """Makes batches of new orders; order ids are random UUIDs, as Coinbase has them."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._number = 0
        self._snapshot = make_snapshot({"strategy": "bench", "rsi": 14})

    def batch(self, size: int, *, events: bool = False) -> Batch:
        """Return facts of that many orders."""
        made = [self._order() for _ in range(size)]
        return Batch(
            [each[0] for each in made],
            [each[1] for each in made],
            [each[2] for each in made] if events else [],
        )

    def _order(self) -> tuple[str, str, str]:
        self._number += 1
        at = START + timedelta(seconds=self._number)
        snapshot_id = self._snapshot.snapshot_id
        key = make_client_order_id(OrderIntent("bench", "main", "bench", snapshot_id, "BTC-USD", "buy", at))
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
        common = {
            "schema": "linkage.v1", "venue": "coinbase", "account": "main", "symbol": "BTC-USD",
            "side": "buy",
            "order_id": str(UUID(int=self._random.getrandbits(128), version=4)), "client_order_id": key,
            "ingest_via": "stream",
        }  # fmt: skip
        fill = {
            **common, "type": "fill", "fill_id": f"trade-{self._number}", "price": "43251.17",
            "quantity": "0.0125", "fee": "0.32", "fee_currency": "USD", "liquidity": "taker",
            "executed_at": at + timedelta(seconds=2),
            "raw": {"entry_id": f"e{self._number}", "trade_id": str(self._number), "price": "43251.17",
                    "size": "0.0125", "commission": "0.32", "liquidity_indicator": "TAKER"},
        }  # fmt: skip
        event = {
            **common, "type": "order", "status": "filled", "trigger": "rsi", "size": "0.0125",
            "created_at": at + timedelta(seconds=1), "updated_at": at + timedelta(seconds=2),
        }  # fmt: skip
        stored = StoredSignal(
            bot_id="sighook", client_order_id=key, snapshot_id=snapshot_id, signal=signal, received_at=at
        )
        return (
            stored.fact_text(),
            fact_text(EVENT.validate_python(fill)),
            fact_text(EVENT.validate_python(event)),
        )


class Bench:
    """One server, one ledger, and a second database with the same schema to copy into."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        for name in (DATABASE, COPIED):
            server.create_database(name)
            with psycopg.connect(server.dsn("migrator", name)) as connection:
                migrate(connection)
        settings = DatabaseSettings.model_validate(
            {
                "stage": "bench", "db_host": HOST, "db_port": server.port, "db_user": "recorder",
                "db_auth": "password", "db_password": server.passwords["recorder"],
                "db_ca_file": str(server.ca_file),
            }
        )  # fmt: skip
        self.connection = LedgerConnection(settings, deadline_seconds=600)
        self.ledger = PostgresLedger(self.connection)
        self._source = psycopg.connect(server.dsn(database=DATABASE), autocommit=True)
        self._target = psycopg.connect(server.dsn("recorder", COPIED), autocommit=True)
        self._admin = psycopg.connect(server.dsn(database=COPIED), autocommit=True)
        self._prepared_target: set[str] = set()

    def close(self) -> None:
        """Disconnect."""
        for connection in (self.connection, self._source, self._target, self._admin):
            connection.close()

    def round(self, batch: Batch) -> dict[str, float]:
        """Return seconds of the first delivery, of its replay, and of COPY, and the WAL of the first."""
        self.ledger.record(FactBatch(signals=batch.signals))
        facts = FactBatch(fills=batch.fills, order_events=batch.order_events)
        before = self._wal()
        first = timed(lambda: self._both_steps(facts))
        wal = self._wal() - before
        replay = timed(lambda: self._both_steps(facts))
        rows = self._rows_of(batch)
        copy = timed(lambda: self._copy(rows))
        return {"first": first, "replay": replay, "copy": copy, "wal": wal}

    def _both_steps(self, facts: FactBatch) -> None:
        self.ledger.resolve(self.ledger.record(facts).touched)

    def _wal(self) -> int:
        row = self._source.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')").fetchone()
        assert row is not None
        return int(row[0])

    def _rows_of(self, batch: Batch) -> dict[str, list[bytes]]:
        ids = [json.loads(text)["order_id"] for text in batch.fills]
        rows: dict[str, list[bytes]] = {}
        self._admin.execute(
            "INSERT INTO strategy_snapshots (snapshot_id) VALUES (%s) ON CONFLICT DO NOTHING",
            [json.loads(batch.signals[0])["snapshot_id"]],
        )
        for table in TABLES:
            query = sql.SQL(
                "COPY (SELECT * FROM {} WHERE order_id = ANY ({}) ORDER BY order_id) TO STDOUT"
            ).format(sql.Identifier(table), sql.Literal(ids))
            with self._source.cursor().copy(query) as out:
                rows[table] = [bytes(chunk) for chunk in out]
        return rows

    def _copy(self, rows: dict[str, list[bytes]]) -> None:
        with self._target.transaction():
            for table, chunks in rows.items():
                if not chunks:
                    continue
                query = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
                with self._target.cursor().copy(query) as into:
                    into.write(b"".join(chunks))


def timed(work: Callable[[], object]) -> float:
    """Return how long work took, in seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(sizes: Sequence[int] = SIZES, rounds: dict[int, int] = ROUNDS) -> dict[str, Any]:
    """Return medians in microseconds per fill, by batch size."""
    report: dict[str, Any] = {"batches": {}}
    with tempfile.TemporaryDirectory() as folder:
        server = PostgresServer(Path(folder) / "postgres")
        server.start()
        try:
            bench = Bench(server)
            generator = Generator()
            for _ in range(8):  # until statements are prepared and caches are warm
                bench.round(generator.batch(100))
            for size in sizes:
                taken = [bench.round(generator.batch(size)) for _ in range(rounds[size])]
                per_fill = {
                    name: statistics.median(each[name] for each in taken)
                    / size
                    * (1 if name == "wal" else 1e6)
                    for name in ("first", "replay", "copy", "wal")
                }
                report["batches"][str(size)] = {
                    "first": {"database_us": per_fill["first"], "copy_us": per_fill["copy"]},
                    "replay": {"database_us": per_fill["replay"]},
                    "wal_bytes": per_fill["wal"],
                }
                print(describe(size, per_fill))
            bench.close()
        finally:
            server.stop()
    return report


def describe(size: int, per_fill: dict[str, float]) -> str:
    """Return one batch size's medians and ratios as a line."""
    first, replay, copy = (per_fill[name] for name in ("first", "replay", "copy"))
    return (
        f"batches of {size:>5}: first {first:8.1f} us, replay {replay:8.1f} us, COPY {copy:8.1f} us per fill;"
        f" first / COPY {first / copy:5.2f}, replay / first {replay / first:4.2f},"
        f" WAL {per_fill['wal']:6.0f} bytes"
    )


def main() -> None:
    """Measure, print, and write ``out/bench/recorder.json``."""
    report = measure()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
