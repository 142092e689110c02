"""What a fill costs the recorder, beside COPY of the same rows into the same tables.

COPY is the practical limit: it writes the rows that our two steps leave behind, facts and derived ones, with
every index and constraint, and decides nothing. In each round the handler (the queue's event in, its reply
out), the two steps alone, COPY, and an ORM session per fill take their turns on one server, in changing
order and with orders of their own, so that each ratio is one of equals. The hot store and the linking switch
are left out: they answer at once.

The full ledger is written in bulk. What a ledger that grew has by then is done for it before anything is
measured: statistics are up to date, the disk is at rest, and index pages are in the system's cache.

``--orders N`` sets how many old orders the full ledger has (5,000,000).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
from psycopg import sql

from bench._orders import TABLES, Batch, Generator, Ids, fill_with_old_orders
from bench._orm import OrmRecorder
from bench._trips import round_trips_of
from functions.migrate.service import migrate
from functions.recorder import dependencies, handler
from functions.recorder.service import Ports
from functions.recorder.settings import RecorderSettings
from linkage.adapters.postgres.connection import LedgerConnection, only_row, rows
from linkage.adapters.postgres.ledger import PostgresLedger
from linkage.domain.facts import FactBatch
from linkage.runtime.dependencies import reset
from linkage.runtime.observability import SystemClock
from linkage.runtime.settings import DatabaseSettings
from local.postgres import HOST, PostgresServer

ROUNDS: Mapping[int, int] = {1: 60, 10: 40, 100: 25, 1_000: 15, 5_000: 5}
"""Rounds by batch size."""
GROWTH_SIZE, GROWTH_ROUNDS, WARM_UP = 1_000, 15, 3
GROWTHS: Sequence[Ids] = ("increasing", "random")
"""Forms of ids. The report has the first; the others are printed."""
ORDERS = 5_000_000
MOST_ORM_FILLS = 100
SCHEMA, EMPTY, COPIED, MAPPED = "schema", "empty", "copied", "mapped"
OUT = Path(__file__).resolve().parents[1] / "out" / "bench" / "recorder.json"

# As on the smallest RDS instance. Nothing waits for the disk, so that the machine's disk is not measured;
# pages are logged in full after a checkpoint, as they are there. Nobody vacuums behind our back.
CONFIGURATION = {
    "shared_buffers": "256MB",
    "full_page_writes": "on",
    "max_wal_size": "4GB",
    "autovacuum": "off",
    # Only the filling of the full ledgers gains by it; what is measured is logged all the same.
    "wal_level": "minimal",
    "max_wal_senders": "0",
}

Samples = defaultdict[str, list[float]]


class SignalsAreAllThere:
    """A hot store that is never asked, and a switch that is on."""

    def linking_enabled(self) -> bool:
        """Answer without a request."""
        return True

    def get_signals(self, _keys: object) -> Mapping[Any, str]:
        """Find nothing."""
        return {}


class Ledger:
    """One database, and the recorder at work in it."""

    def __init__(self, server: PostgresServer, name: str) -> None:
        server.create_database(name, template=SCHEMA)
        self._settings = {
            "stage": "bench", "db_host": HOST, "db_port": server.port, "db_name": name,
            "db_user": "recorder", "db_auth": "password", "db_password": server.passwords["recorder"],
            "db_ca_file": str(server.ca_file),
        }  # fmt: skip
        self.superuser = psycopg.connect(server.dsn(database=name), autocommit=True)
        self.connection = LedgerConnection(
            DatabaseSettings.model_validate(self._settings), deadline_seconds=600
        )
        self.ledger = PostgresLedger(self.connection)

    def close(self) -> None:
        """Disconnect."""
        self.connection.close()
        self.superuser.close()

    @contextlib.contextmanager
    def handling(self) -> Iterator[Callable[[str], str]]:
        """Yield the handler: from an event's text to the reply's. Its log lines are made and thrown away."""
        nothing: Any = SignalsAreAllThere()
        settings = RecorderSettings.model_validate({**self._settings, "table_name": "none"})
        ports = Ports(self.ledger, nothing, nothing, SystemClock())
        reset()
        with (
            Path(os.devnull).open("w") as devnull,
            mock.patch.object(dependencies, "settings", return_value=settings),
            mock.patch.object(dependencies, "ports", return_value=ports),
            mock.patch.object(dependencies, "connection", return_value=self.connection),
        ):

            def handle(text: str) -> str:
                with contextlib.redirect_stdout(devnull):
                    return json.dumps(handler.record_fills(json.loads(text), None))

            yield handle
        reset()

    def archive(self, batch: Batch) -> None:
        """Let the signals of a batch be there before its fills."""
        self.ledger.record(FactBatch(signals=batch.signals))

    def both_steps(self, facts: FactBatch) -> None:
        """Record facts and resolve what they touched."""
        self.ledger.resolve(self.ledger.record(facts).touched)

    def wal_bytes(self, work: Callable[[], object]) -> int:
        """Return how much write-ahead log a piece of work wrote."""
        before = self._wal()
        work()
        return self._wal() - before

    def _wal(self) -> int:
        position = rows(self.superuser, "SELECT pg_current_wal_insert_lsn() - '0/0' AS written")
        return int(only_row(position).written)


class Copier:
    """COPY of finished rows into a second database with the same schema."""

    def __init__(self, server: PostgresServer, source: Ledger) -> None:
        self.ledger = Ledger(server, COPIED)
        self._source = source.superuser
        self._target = psycopg.connect(server.dsn("recorder", COPIED), autocommit=True)

    def close(self) -> None:
        """Disconnect."""
        self._target.close()
        self.ledger.close()

    def rows_of(self, batch: Batch) -> dict[str, bytes]:
        """Return the rows that a batch left in the ledger, by table."""
        for snapshot in rows(self._source, "SELECT snapshot_id FROM strategy_snapshots"):
            self.ledger.superuser.execute(
                "INSERT INTO strategy_snapshots (snapshot_id) VALUES (%s) ON CONFLICT DO NOTHING",
                [snapshot.snapshot_id],
            )
        copied: dict[str, bytes] = {}
        for table in TABLES:
            query = sql.SQL(
                "COPY (SELECT * FROM {} WHERE order_id = ANY ({}) ORDER BY order_id) TO STDOUT"
            ).format(sql.Identifier(table), sql.Literal(list(batch.order_ids)))
            with self._source.cursor().copy(query) as out:
                copied[table] = b"".join(bytes(chunk) for chunk in out)
        return copied

    def copy(self, rows: Mapping[str, bytes]) -> None:
        """Write them, in one transaction."""
        with self._target.transaction(), self._target.cursor() as cursor:
            for table, text in rows.items():
                with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as into:
                    into.write(text)


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long a piece of work took."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class Bench:
    """Everything that is measured, on one server."""

    def __init__(self, server: PostgresServer) -> None:
        self.empty = Ledger(server, EMPTY)
        self._copier = Copier(server, self.empty)
        self._mapped = Ledger(server, MAPPED)
        self._orm = OrmRecorder(server.dsn("recorder", MAPPED))
        self.generator = Generator()
        self._rounds = 0

    def close(self) -> None:
        """Disconnect."""
        self._orm.close()
        for ledger in (self._mapped, self._copier, self.empty):
            ledger.close()

    def analyze(self) -> None:
        """Bring statistics up to date, as autovacuum would have."""
        for ledger in (self._mapped, self._copier.ledger, self.empty):
            ledger.superuser.execute("ANALYZE")

    def round(self, size: int, samples: Samples, handle: Callable[[str], str]) -> None:
        """Measure everybody once: seconds, or bytes of write-ahead log, per fill."""
        handled, stepped = self.generator.batch(size), self.generator.batch(size)
        mapped = self.generator.batch(min(size, MOST_ORM_FILLS))
        self.empty.archive(handled)
        self.empty.archive(stepped)
        self._mapped.archive(mapped)

        def measured(name: str, fills: int, work: Callable[[], object]) -> None:
            taken: list[float] = []
            wal = self.empty.wal_bytes(lambda: taken.append(seconds_of(work)))
            samples[name].append(taken[0] / fills)
            samples[f"{name} wal"].append(wal / fills)

        for delivery in ("first", "replay"):
            measured(f"{delivery} handler", size, lambda: handle(handled.event))
        rows = self._copier.rows_of(handled)
        turns: list[Callable[[], object]] = [
            lambda: measured("first database", size, lambda: self.empty.both_steps(stepped.facts)),
            lambda: measured("first copy", size, lambda: self._copier.copy(rows)),
        ]
        for turn in turns if self._rounds % 2 else reversed(turns):
            turn()
        measured("replay database", size, lambda: self.empty.both_steps(stepped.facts))
        texts = mapped.facts.fills
        for delivery in ("first", "replay"):
            measured(f"{delivery} orm", len(texts), lambda: self._orm.record(texts))
        # COPY cannot be repeated; a replay is held against the same rows written for the first time.
        samples["replay copy"].append(samples["first copy"][-1])
        self._rounds += 1


def measure(rounds: Mapping[int, int], orders: int) -> dict[str, Any]:
    """Measure everything and print it.

    Args:
        rounds: how often to measure, by batch size.
        orders: how many old orders the full ledger has.

    Returns:
        medians in microseconds per fill, as ``recorder.json`` has them.
    """
    with tempfile.TemporaryDirectory() as folder:
        server = PostgresServer(Path(folder) / "postgres", configuration=CONFIGURATION)
        server.start()
        try:
            server.create_database(SCHEMA)
            with psycopg.connect(server.dsn("migrator", SCHEMA)) as connection:
                migrate(connection)
            return _measure(server, rounds, orders)
        finally:
            server.remove()


def _measure(server: PostgresServer, rounds: Mapping[int, int], orders: int) -> dict[str, Any]:
    bench = Bench(server)
    batches: dict[str, Any] = {}
    with bench.empty.handling() as handle:
        for _ in range(8):  # until statements are prepared and caches are warm
            bench.round(min(100, max(rounds)), defaultdict(list), handle)
        for size, times in rounds.items():
            bench.analyze()
            samples: Samples = defaultdict(list)
            for _ in range(times):
                bench.round(size, samples, handle)
            batches[str(size)] = {
                delivery: {
                    f"{who}_us": 1e6 * statistics.median(samples[f"{delivery} {who}"])
                    for who in ("handler", "database", "copy", "orm")
                }
                for delivery in ("first", "replay")
            }
            print(describe(size, samples), flush=True)
        trips = [_trips(bench, size, handle) for size in rounds]
    print("round trips of a batch, by size:", ", ".join(map(str, trips)), flush=True)
    bench.close()
    growth = _growth(server, bench.generator, min(GROWTH_SIZE, max(rounds)), orders)
    return {"batches": batches, "growth": growth, "round_trips": max(trips)}


def _trips(bench: Bench, size: int, handle: Callable[[str], str]) -> int:
    batch = bench.generator.batch(size)
    bench.empty.archive(batch)
    connection = bench.empty.connection.run(lambda connection: connection)
    return round_trips_of(connection, lambda: handle(batch.event))


def _growth(server: PostgresServer, generator: Generator, size: int, orders: int) -> dict[str, float]:
    """Return what a fill costs in an empty ledger and in a full one, by the number of old orders."""
    grown = Ledger(server, "grown")
    first = generator.batch(1)
    grown.archive(first)
    grown.both_steps(first.facts)
    took = seconds_of(lambda: fill_with_old_orders(server.dsn(database="grown"), orders))
    print(f"{orders:,} old orders written in {took:.0f} s", flush=True)
    grown.superuser.execute("CREATE EXTENSION pg_prewarm")
    costs: list[dict[str, float]] = []
    for ids in GROWTHS:
        young = Ledger(server, f"young_{ids}")
        _settle(grown)
        samples: Samples = defaultdict(list)
        for number in range(WARM_UP + GROWTH_ROUNDS):
            for ledger, age in ((young, "young"), (grown, "grown")):
                batch = generator.batch(size, ids)
                ledger.archive(batch)
                taken: list[float] = []
                written = ledger.wal_bytes(
                    lambda: taken.append(seconds_of(lambda: ledger.both_steps(batch.facts)))  # noqa: B023 - used at once
                )
                if number >= WARM_UP:
                    samples[age].append(taken[0] / size)
                    samples[f"{age} wal"].append(written / size)
        young.close()
        middle = {age: statistics.median(values) for age, values in samples.items()}
        costs.append({"0": 1e6 * middle["young"], str(orders): 1e6 * middle["grown"]})
        print(
            f"{ids} ids: a fill in an empty ledger {1e6 * middle['young']:.1f} us,"
            f" WAL {middle['young wal']:.0f} bytes; among {orders:,} orders"
            f" {1e6 * middle['grown']:.1f} us, WAL {middle['grown wal']:.0f} bytes:"
            f" x {_ratio(samples, 'grown', 'young'):.2f}",
            flush=True,
        )
    grown.close()
    return costs[0]


def _settle(ledger: Ledger) -> None:
    """Write out what the bulk load left in memory, and read the indexes that it pushed out of it."""
    ledger.superuser.execute("CHECKPOINT")
    os.sync()
    ledger.superuser.execute(
        "SELECT pg_prewarm(indexrelid, 'read') FROM pg_index JOIN pg_class c ON c.oid = indrelid"
        " WHERE c.relnamespace = 'public'::regnamespace AND pg_relation_size(indexrelid) > 0"
    )


def _ratio(samples: Mapping[str, Sequence[float]], name: str, other: str) -> float:
    pairs = zip(samples[name], samples[other], strict=True)
    return statistics.median(numerator / denominator for numerator, denominator in pairs)


def describe(size: int, samples: Mapping[str, Sequence[float]]) -> str:
    """Return a batch size's medians, in microseconds and bytes per fill, and its medians of ratios."""
    middle = {name: statistics.median(values) for name, values in samples.items()}

    lines = [f"batches of {size:,}: microseconds per fill (median of {len(samples['first copy'])})"]
    lines += [
        f"  {delivery:<7}"
        + " ".join(
            f"{who} {1e6 * middle[f'{delivery} {who}']:9.1f} "
            for who in ("handler", "database", "copy", "orm")
        )
        + f" WAL {middle[f'{delivery} database wal']:6.0f} bytes"
        for delivery in ("first", "replay")
    ]
    lines.append(
        f"  database / COPY {_ratio(samples, 'first database', 'first copy'):.2f},"
        f" handler / COPY {_ratio(samples, 'first handler', 'first copy'):.2f},"
        f" replay / first {_ratio(samples, 'replay database', 'first database'):.2f},"
        f" ORM / handler {_ratio(samples, 'first orm', 'first handler'):.1f};"
        f" WAL / COPY's {_ratio(samples, 'first database wal', 'first copy wal'):.2f}"
    )
    return "\n".join(lines)


def main(arguments: Sequence[str] = ()) -> None:
    """Measure, print, and write ``out/bench/recorder.json``."""
    parser = argparse.ArgumentParser(prog="bench recorder")
    parser.add_argument("--orders", type=int, default=ORDERS, help="old orders in the full ledger")
    report = measure(ROUNDS, parser.parse_args(arguments).orders)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
