"""Counts of dispositions by five minutes, so that asking for a rate costs nothing that grows.

A bucket is counted when nothing in it is pending, and invalidated by whoever writes one of its orders, in the
same transaction. A writer that began before the bucket's row was there cannot invalidate it; so a row is put
there without counts, and counted once every transaction that was running then has ended.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from linkage.adapters.postgres.connection import Connection, LedgerConnection, only_row, rows
from linkage.adapters.postgres.statements import statement

RETENTION = timedelta(days=35)
SETTLED = timedelta(minutes=5)
"""Younger orders change too often to be counted in advance."""
PATIENT_SECONDS = 45.0

CREATE_BUCKETS = statement(__file__, "create_buckets")
UNCOUNTED_DAYS = statement(__file__, "uncounted_days")
COUNT_BUCKETS = statement(__file__, "count_buckets")


def create_buckets(connection: LedgerConnection, now: datetime) -> str:
    """Put rows for the settled buckets there, and return the transaction that counting has to wait for."""
    return connection.run(partial(_create_buckets, now=now), deadline_seconds=PATIENT_SECONDS)


def roll_up(connection: LedgerConnection, next_writer: str, *, seconds: float) -> None:
    """Count the buckets that are not counted, the latest first, a day at a time.

    Args:
        connection: as ``recorder``.
        next_writer: as ``create_buckets`` gave it; nothing is counted while an earlier transaction runs.
        seconds: after which no further day is begun.
    """
    end = time.monotonic() + seconds
    for day in connection.run(_uncounted_days, deadline_seconds=PATIENT_SECONDS):
        if time.monotonic() >= end:
            return
        count = partial(_count_buckets, start=day.start, end=day.end, next_writer=next_writer)
        connection.run(count, deadline_seconds=PATIENT_SECONDS)


def _create_buckets(connection: Connection, *, now: datetime) -> str:
    period = {"first": now - RETENTION, "last": now - SETTLED}
    connection.execute("DELETE FROM rolled_rates WHERE bucket < %(first)s", period)
    connection.execute(CREATE_BUCKETS, period)
    query = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next_writer"
    return str(only_row(rows(connection, query)).next_writer)


def _uncounted_days(connection: Connection) -> Any:
    return rows(connection, UNCOUNTED_DAYS).fetchall()


def _count_buckets(connection: Connection, **parameters: object) -> None:
    connection.execute(COUNT_BUCKETS, parameters)
