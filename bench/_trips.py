"""Round trips, counted on the wire."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import psycopg


def round_trips_of(connection: psycopg.Connection[Any], work: Callable[[], object]) -> int:
    """Return how often a piece of work waited for the server, by libpq's own trace of the connection.

    The client waits where it ends a pipeline (Sync), asks for what is there (Flush), or sends a query
    outside of one.
    """
    with tempfile.TemporaryFile("w+") as trace:
        connection.pgconn.trace(trace.fileno())
        try:
            work()
        finally:
            connection.pgconn.untrace()
        trace.seek(0)
        fields = [line.rstrip("\n").split("\t") for line in trace]
    sent = [line[3].strip() for line in fields if len(line) > 3 and line[1] == "F"]
    # A Flush that follows a Sync asks for nothing more.
    return sum(
        1
        for before, message in pairwise(["", *sent])
        if message in ("Sync", "Query") or (message == "Flush" and before != "Sync")
    )
