"""A whole step in one round trip: its statements, with those that begin and commit its transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import namedtuple_row

from linkage.adapters.postgres.connection import Connection

# A batch finds everything by key. Statistics of a young or fast growing table tempt the planner into
# comparing each of its rows with each key of the batch, or into compiling what takes milliseconds to run.
# The orders that a transaction works on travel from statement to statement in a setting of it.
_BEGIN_STEP: LiteralString = (
    "SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true),"
    " set_config('linkage.scope', '{}', true), set_config('linkage.doubled', '{}', true)"
)


@contextmanager
def one_round_trip(connection: Connection) -> Iterator[None]:
    """Send statements, with those that begin and commit their transaction, before waiting for any answer.

    psycopg's own transactions wait three times more. After an error the server skips what follows, the
    commit included, and ``LedgerConnection`` rolls back. Within a caller's transaction it is a part of that.
    """
    own = connection.info.transaction_status == TransactionStatus.IDLE
    with connection.pipeline():
        if own:
            connection.execute("BEGIN")
        yield
        if own:
            connection.execute("COMMIT")


def begin_step(connection: Connection) -> None:
    """Set what holds for all statements of a step, to its transaction's end."""
    connection.execute(_BEGIN_STEP)


def rows(
    connection: Connection, query: LiteralString, parameters: Mapping[str, Any] | None = None
) -> psycopg.Cursor[Any]:
    """Send a statement and return the cursor of its rows, which have the columns' names."""
    return connection.cursor(row_factory=namedtuple_row).execute(query, parameters)


def only_row(cursor: psycopg.Cursor[Any]) -> Any:
    """Return the row of a statement that always has exactly one."""
    (row,) = cursor.fetchall()
    return row


def json_array(texts: Iterable[str]) -> str:
    """Return JSON texts as one array."""
    return "[" + ",".join(texts) + "]"
