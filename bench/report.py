"""What a report of six hours costs while the ledger grows, beside a plain scan of the same window's rows.

The window holds as many orders in every size: those that six hours have if ten million orders take two years.
So whatever grows follows the history, and should not. Times are medians after a warm-up, in one run.

``--orders N`` measures ledgers of that size only; repeatable. ``--rounds N`` sets how often (7). Ten million
orders take 22 GB in the folder for temporary files.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from bench._history import make_history
from functions.migrate.service import migrate
from linkage.adapters.postgres.connection import Connection, LedgerConnection
from linkage.adapters.postgres.ledger import rates
from linkage.adapters.postgres.read import rates as read_rates
from linkage.adapters.postgres.read import report, results
from linkage.adapters.postgres.read.reader import PostgresLedgerReader
from linkage.domain.facts import Window
from linkage.runtime.settings import DatabaseSettings
from local.postgres import HOST, PostgresServer

SIZES = (100_000, 1_000_000, 10_000_000)
WINDOW_ORDERS = 3_424
"""Of six hours, where ten million orders take two years."""
END = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
WINDOW = Window(END - timedelta(hours=6), END)
OUT = Path(__file__).resolve().parents[1] / "out" / "bench" / "report.json"
CONFIGURATION = {"shared_buffers": "256MB", "max_wal_size": "4GB", "autovacuum": "off"}

_SCAN = """
SELECT count(*), sum(filled_quantity) FROM trade_records
WHERE order_time >= %(start)s AND order_time < %(end)s AND status IN ('filled', 'done')
"""

_ORDER_BY_ORDER = """
SELECT coalesce(mode, 'unknown') AS mode, disposition, count(*) AS orders FROM order_dispositions
WHERE executed AND order_time >= %(start)s AND order_time < %(end)s
GROUP BY 1, 2
"""


def main(arguments: list[str] | None = None) -> None:
    """Measure every size, print a table, write the numbers."""
    parser = argparse.ArgumentParser(prog="python -m bench report")
    parser.add_argument("--orders", type=int, action="append")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments or [])
    times_by_size: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="linkage-bench-") as folder:
        server = PostgresServer(Path(folder) / "postgres", configuration=CONFIGURATION)
        server.start()
        try:
            for orders in options.orders or SIZES:
                times_by_size[orders] = measure(server, orders, rounds=options.rounds)
        finally:
            server.remove()
    print_table(times_by_size)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(
        json.dumps({str(orders): times for orders, times in times_by_size.items()}, indent=2) + "\n"
    )


def measure(server: PostgresServer, orders: int, *, rounds: int) -> dict[str, float]:
    """Make a ledger, time every query of a report in it, and drop it."""
    name = f"history_{orders}"
    server.create_database(name)
    try:
        with psycopg.connect(server.dsn("migrator", name)) as migrator:
            migrate(migrator)
        with psycopg.connect(server.dsn(database=name), autocommit=True) as superuser:
            make_history(superuser, orders, window=WINDOW_ORDERS, end=END)
        roll_up(server, name)
        return time_reads(server, name, rounds=rounds)
    finally:
        server.drop_database(name)


def time_reads(server: PostgresServer, name: str, *, rounds: int) -> dict[str, float]:
    """Return milliseconds by what was read, as the role ``reader``."""
    connection = connected(server, name, "reader")
    reader = PostgresLedgerReader(connection)
    try:
        times = {
            "report_6h_ms": milliseconds(lambda: reader.report(WINDOW), rounds),
            "rates_with_signals_6h_ms": milliseconds(lambda: reader.rates(WINDOW), rounds),
        }
        connection.run(lambda work: times.update(_each_query(work, rounds)))
        return times
    finally:
        connection.close()


def roll_up(server: PostgresServer, name: str) -> None:
    """Count rates in advance, as the ledger's maintenance does; the last minutes are left to the reader."""
    connection = connected(server, name, "recorder")
    try:
        rates.roll_up(connection, rates.create_buckets(connection, END), seconds=600)
    finally:
        connection.close()


def connected(server: PostgresServer, name: str, role: str) -> LedgerConnection:
    """Return a connection of a role to a ledger."""
    settings = DatabaseSettings.model_validate({
        "stage": "bench", "db_host": HOST, "db_port": server.port, "db_name": name, "db_user": role,
        "db_auth": "password", "db_password": server.passwords[role], "db_ca_file": str(server.ca_file),
    })  # fmt: skip
    return LedgerConnection(settings, deadline_seconds=600)


def _each_query(connection: Connection, rounds: int) -> dict[str, float]:
    values = {**report.query_parameters(WINDOW), **results.query_parameters(WINDOW)}
    times = {}
    for name, query in _queries().items():
        cursor = connection.cursor(row_factory=dict_row)

        def ask(query: LiteralString = query, cursor: psycopg.Cursor[Any] = cursor) -> object:
            return cursor.execute(query, values).fetchall()

        times[name] = milliseconds(ask, rounds)
    return times


def _queries() -> Mapping[str, LiteralString]:
    return {
        "window_scan_ms": _SCAN,
        "rate_6h_ms": read_rates.ORDER_RATES,
        "rate_order_by_order_ms": _ORDER_BY_ORDER,
        "signals_ms": read_rates.SIGNAL_RATES,
        "window_parts_ms": report.WINDOW_ORDERS,
        "beside_ms": report.WINDOW_HEALTH,
        "late_orders_ms": report.LATE_ORDERS,
        "closed_episodes_ms": results.CLOSED_EPISODES,
        "open_positions_ms": results.OPEN_EPISODES,
        "lots_ms": results.LOT_TOTALS,
        "unmatched_ms": results.LATEST_UNMATCHED_EXITS,
        "late_lots_ms": results.LATE_LOTS,
    }


def milliseconds(work: Callable[[], object], rounds: int) -> float:
    """Return the median time of a piece of work, after one that does not count."""
    work()
    samples = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        samples.append((time.perf_counter() - start) * 1000)
    return round(statistics.median(samples), 3)


def print_table(times_by_size: Mapping[int, Mapping[str, float]]) -> None:
    """Print each query's time, its ratio to the scan, and its growth since the size before."""
    before: Mapping[str, float] | None = None
    for orders, times in times_by_size.items():
        print(f"\n{orders:,} orders{'ms':>27}{'of the scan':>14}{'growth':>9}")
        for name, value in times.items():
            growth = f"{value / before[name]:9.2f}" if before else f"{'':9}"
            print(
                f"  {name.removesuffix('_ms'):34}{value:9.2f}{value / times['window_scan_ms']:14.1f}{growth}"
            )
        before = times


if __name__ == "__main__":
    main()
