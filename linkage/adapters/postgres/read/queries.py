"""Other people's SQL: one statement, read only, on a connection of its own that ends with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
from psycopg import errors
from psycopg.pq import ExecStatus

from linkage.adapters.postgres.connection import DeadlineConnection, DeadlineExceededError, connect
from linkage.adapters.postgres.read.bounded_results import BoundedResults, TooMuchReceivedError
from linkage.domain.errors import InvalidInputError, LedgerUnavailableError
from linkage.ports.queries import QueryResult
from linkage.runtime.settings import DatabaseSettings

MAX_QUERY_LENGTH = 100_000
MAX_CELL_LENGTH = 100_000
MAX_MESSAGE_LENGTH = 2_000
MAX_RESULT_LENGTH = 4_000_000
"""As JSON; what a function may answer is limited to 6 MB."""
MAX_RECEIVED_BYTES = 32_000_000
"""Of all rows together, before cells are cut. The function has 512 MB, and holds a row in several forms."""

_BOOLEAN, _BIGINT, _SMALLINT, _INTEGER, _OID = 16, 20, 21, 23, 26
_CONVERTED: dict[int, Callable[[str], Any]] = {
    _SMALLINT: int,
    _INTEGER: int,
    _BIGINT: int,
    _OID: int,
    _BOOLEAN: lambda text: text == "t",
}
"""By type. All others stay as PostgreSQL writes them: exact, and safe for every value a type can have."""

_ROWS = (ExecStatus.SINGLE_TUPLE, ExecStatus.TUPLES_OK)
_TOO_LARGE = "its first row, or its error, is too large for an answer; select less of it"
_SERVER_AT_FAULT = ("53100", "53300", "57P01", "57P02", "57P03")
"""Its disk is full, it has no connection left, it shuts down, crashed, or starts."""


class QueryFailedError(InvalidInputError):
    """The statement is at fault. The message is PostgreSQL's own."""


class PostgresQueries:
    """``LedgerQueries``: runs statements as the role ``sql_reader``, each on a new connection.

    Args:
        settings: where and as whom.
        max_rows: how many rows are returned at most.
    """

    def __init__(self, settings: DatabaseSettings, *, max_rows: int) -> None:
        self._settings = settings
        self._max_rows = max_rows

    def run(self, statement: str) -> QueryResult:
        """Return what one statement answers.

        The server prepares it, which it does for a single statement only, and executes it in a read-only
        transaction that is never committed. What it changes of its session ends with the connection; the
        role may write nothing in any case, and its time limit was taken before the statement began.

        Raises:
            QueryFailedError: the statement is at fault, or took too long.
            LedgerUnavailableError: no connection, or the server cannot serve.
        """
        text = _checked(statement)
        try:
            connection = connect(self._settings)
        except errors.OperationalError as error:
            raise LedgerUnavailableError(f"PostgreSQL is unavailable: {type(error).__name__}") from error
        with closing(connection):
            try:
                connection.execute("BEGIN READ ONLY")
                return self._answer(connection, text)
            except DeadlineExceededError:
                raise
            except TooMuchReceivedError:
                raise QueryFailedError(_TOO_LARGE, "sql") from None
            except psycopg.Error as error:
                if _is_unavailable(error):
                    raise LedgerUnavailableError("PostgreSQL ended the connection") from error
                raise QueryFailedError(_message(error)) from error

    def _answer(self, connection: DeadlineConnection, text: bytes) -> QueryResult:
        results = BoundedResults(connection, max_bytes=MAX_RECEIVED_BYTES)
        connection.pgconn.send_prepare(b"", text)
        results.last()
        connection.pgconn.send_describe_prepared(b"")
        described = results.last()
        fields = range(described.nfields)
        columns = [(described.fname(number) or b"").decode() for number in fields]
        converted = [_CONVERTED.get(described.ftype(number)) for number in fields]

        connection.pgconn.send_query_prepared(b"", [])
        connection.pgconn.set_single_row_mode()
        rows: list[list[Any]] = []
        length = 0
        try:
            for values in _values(results, len(columns)):
                row = [_cell(convert, value) for convert, value in zip(converted, values, strict=True)]
                length += len(json.dumps(row))
                if len(rows) == self._max_rows or length > MAX_RESULT_LENGTH:
                    return _cut(columns, rows)
                rows.append(row)
        except TooMuchReceivedError:
            return _cut(columns, rows)
        return QueryResult(columns, rows, truncated=False)


def _cut(columns: list[str], rows: list[list[Any]]) -> QueryResult:
    """Return the rows that there is room for, if there are any."""
    if not rows:
        raise QueryFailedError(_TOO_LARGE, "sql")
    return QueryResult(columns, rows, truncated=True)


def _checked(statement: object) -> bytes:
    if not isinstance(statement, str) or not statement.strip():
        raise QueryFailedError("the statement is empty", "sql")
    if len(statement) > MAX_QUERY_LENGTH:
        raise QueryFailedError(f"the statement is longer than {MAX_QUERY_LENGTH} characters", "sql")
    try:
        text = statement.encode()
    except UnicodeEncodeError:
        raise QueryFailedError("the statement is not Unicode text", "sql") from None
    if b"\x00" in text:
        # The server's library reads up to the first NUL and would run half of it.
        raise QueryFailedError("the statement holds a NUL character", "sql")
    return text


def _values(results: BoundedResults, width: int) -> Iterator[list[bytes | None]]:
    """Yield rows as they come, so that a caller who has enough need not take the rest."""
    for result in results.each():
        if result.status in _ROWS:
            for row in range(result.ntuples):
                yield [result.get_value(row, column) for column in range(width)]
        elif result.status != ExecStatus.COMMAND_OK:
            raise QueryFailedError("only statements that answer with rows are possible here", "sql")


def _is_unavailable(error: psycopg.Error) -> bool:
    """Tell whether the server is at fault, or the way to it, and not the statement.

    A statement that asks for parameters, or for more memory or temporary files than there are, is at fault.
    """
    state = error.sqlstate
    if state is None:
        return True
    return state in _SERVER_AT_FAULT or (state[:2] == "08" and state != "08P01")


def _cell(convert: Callable[[str], Any] | None, value: bytes | None) -> Any:
    if value is None:
        return None
    text = value.decode(errors="replace")
    if convert is not None:
        return convert(text)
    return text if len(text) <= MAX_CELL_LENGTH else text[:MAX_CELL_LENGTH] + "…"


def _message(error: psycopg.Error) -> str:
    diagnostics = error.diag
    parts = [diagnostics.message_primary or str(error) or type(error).__name__]
    if diagnostics.statement_position:
        parts.append(f"at character {diagnostics.statement_position}")
    if diagnostics.message_hint:
        parts.append(diagnostics.message_hint)
    text = "; ".join(parts)
    return text if len(text) <= MAX_MESSAGE_LENGTH else text[:MAX_MESSAGE_LENGTH] + "…"
