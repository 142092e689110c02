"""Counts of dispositions by five minutes, so that asking for a rate costs nothing that grows.

A bucket is counted when nothing in it is pending, and forgotten by whoever writes one of its orders, in the
same transaction. A writer that began before the bucket's row was there cannot forget it; so a row is put
there without counts, and counted once every transaction that was running then has ended.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import LiteralString

from linkage.adapters.postgres.connection import Connection, LedgerConnection
from linkage.adapters.postgres.ledger.orders import SCOPE

KEPT = timedelta(days=35)
SETTLED = timedelta(minutes=5)
"""Younger orders change too often to be counted in advance."""
PATIENT_SECONDS = 45.0

_FORGET_OLD: LiteralString = "DELETE FROM rolled_rates WHERE bucket < %(first)s"
_MAKE_ROOM: LiteralString = """
INSERT INTO rolled_rates (bucket)
SELECT bucket FROM generate_series(rate_bucket(%(first)s), rate_bucket(%(last)s) - INTERVAL '5 minutes',
                                   INTERVAL '5 minutes') AS made(bucket)
ON CONFLICT DO NOTHING
"""
_NEXT_WRITER: LiteralString = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"
_UNCOUNTED: LiteralString = """
SELECT min(bucket), max(bucket) + INTERVAL '5 minutes' FROM rolled_rates
WHERE facts_version IS DISTINCT FROM (SELECT facts_for_rates())
GROUP BY date_trunc('day', bucket) ORDER BY 1 DESC
"""
FOUND: LiteralString = """
found AS MATERIALIZED (
  SELECT bucket, bool_or(disposition = 'pending') AS waits,
         jsonb_agg(jsonb_build_object('mode', mode, 'disposition', disposition, 'orders', orders,
                                      'with_link', with_link) ORDER BY mode, disposition) AS counts
  FROM (
    SELECT rate_bucket(order_time) AS bucket, coalesce(mode, 'unknown') AS mode, disposition,
           count(*) AS orders, count(snapshot_id) AS with_link
    FROM order_dispositions
    WHERE executed AND order_time >= {start} AND order_time < {end}
    GROUP BY 1, 2, 3
  ) counted
  GROUP BY bucket
)
"""
"""The expression that counts the orders of a period by bucket."""

_COUNT: LiteralString = (
    "WITH "
    + FOUND.replace("{start}", "%(start)s").replace("{end}", "%(end)s")
    + """
UPDATE rolled_rates r
SET facts_version = facts_for_rates(), counts = coalesce(found.counts, '[]')
FROM rolled_rates uncounted LEFT JOIN found USING (bucket)
WHERE r.bucket = uncounted.bucket AND uncounted.bucket >= %(start)s AND uncounted.bucket < %(end)s
  AND uncounted.facts_version IS DISTINCT FROM (SELECT facts_for_rates()) AND NOT coalesce(found.waits, false)
  AND pg_snapshot_xmin(pg_current_snapshot()) >= %(next_writer)s::xid8
"""
)

FORGET: LiteralString = (
    "WITH "
    + SCOPE
    + """
DELETE FROM rolled_rates WHERE bucket = ANY (array(
  SELECT DISTINCT rate_bucket(order_time) FROM trade_records
  WHERE order_id = ANY ((SELECT ids FROM scope)::text[])
))
"""
)
"""Forget what was counted of the locked orders, as they are before they change."""


def make_room(connection: LedgerConnection, now: datetime) -> str:
    """Put rows for the settled buckets there, and return the transaction that counting has to wait for."""
    parameters = {"first": now - KEPT, "last": now - SETTLED}

    def room(work: Connection) -> str:
        work.execute(_FORGET_OLD, parameters)
        work.execute(_MAKE_ROOM, parameters)
        ((next_writer,),) = work.execute(_NEXT_WRITER).fetchall()
        return str(next_writer)

    return connection.run(room, deadline_seconds=PATIENT_SECONDS)


def roll_up(connection: LedgerConnection, next_writer: str, *, seconds: float) -> None:
    """Count the buckets that are not counted, the latest first, a day at a time.

    Args:
        connection: as ``recorder``.
        next_writer: as ``make_room`` gave it; nothing is counted while an earlier transaction is running.
        seconds: after which no further day is begun.
    """
    end = time.monotonic() + seconds
    days = connection.run(lambda work: work.execute(_UNCOUNTED).fetchall(), deadline_seconds=PATIENT_SECONDS)
    for first, last in days:
        if time.monotonic() >= end:
            return
        parameters = {"start": first, "end": last, "next_writer": next_writer}
        connection.run(
            lambda work, parameters=parameters: work.execute(_COUNT, parameters),  # type: ignore[misc]
            deadline_seconds=PATIENT_SECONDS,
        )
