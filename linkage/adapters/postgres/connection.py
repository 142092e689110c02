"""One PostgreSQL connection per process: verified TLS, a deadline on our side, one reconnect.

A server that hangs keeps answering for TCP, so neither keep-alives nor ``statement_timeout`` end the wait;
the deadline here does. A connection that fails, or whose state is in doubt, is closed and never reused, so
no transaction stays open behind a finished invocation.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import errors
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import namedtuple_row

from linkage.domain.errors import ConfigurationError, LedgerUnavailableError, SchemaMismatchError
from linkage.runtime.settings import DatabaseSettings

Result = TypeVar("Result")
Connection = psycopg.Connection[tuple[Any, ...]]

_UNAVAILABLE_CLASSES = ("08", "53", "57")
_SCHEMA_CLASS = "42"
_RETRIED = (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)
_RETRY_PAUSE_SECONDS = 0.02


class DeadlineExceededError(LedgerUnavailableError):
    """The server did not answer in time."""


class DeadlineConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose every wait ends at one moment of the monotonic clock."""

    deadline: float | None = None
    round_trips: int = 0

    def wait(self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None) -> Result:
        """Wait for the server, until the deadline at most."""
        self.round_trips += 1
        if self.deadline is not None:
            remaining = self.deadline - time.monotonic()
            if remaining <= 0:
                raise self._deadline_exceeded()
            timeout = remaining if timeout is None else min(timeout, remaining)
        try:
            return super().wait(gen, interval, timeout)
        except errors.OperationalError as error:
            if self.deadline is not None and time.monotonic() >= self.deadline:
                raise self._deadline_exceeded() from error
            raise

    def _deadline_exceeded(self) -> DeadlineExceededError:
        self.close()
        return DeadlineExceededError("PostgreSQL did not answer in time")


class LedgerConnection:
    """Connects when needed, keeps the connection between invocations, closes it when in doubt.

    Args:
        settings: where and as whom.
        deadline_seconds: how long one piece of work may take in all, connecting included.
        connect_seconds: how long connecting may take.
        attempts: how often work is begun anew after a deadlock or a serialisation failure.

    Attributes:
        deadlocks: how many such failures there were; for the metric.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        *,
        deadline_seconds: float = 5.0,
        connect_seconds: float = 3.0,
        attempts: int = 8,
    ) -> None:
        self.deadlocks = 0
        self._settings = settings
        self._deadline_seconds = deadline_seconds
        self._connect_seconds = connect_seconds
        self._attempts = attempts
        self._connection: DeadlineConnection | None = None
        self._random = random.Random()  # noqa: S311 - spreads retries, guards nothing

    def run(self, work: Callable[[Connection], Result], *, deadline_seconds: float | None = None) -> Result:
        """Do a piece of work that may be repeated from its start, and commit it.

        Work that met a deadlock is begun anew; work that lost its connection once more on a new one. When
        it returns, the connection is idle.

        Args:
            work: gets a connection in autocommit; opens its transactions itself.
            deadline_seconds: instead of the one given to the constructor.

        Raises:
            LedgerUnavailableError: no connection, no answer in time, or the server cannot serve.
            SchemaMismatchError: the schema is older or newer than the work's statements.
            psycopg.Error: the work itself is at fault.
        """
        deadline = time.monotonic() + (deadline_seconds or self._deadline_seconds)
        reconnected, attempt = False, 1
        while True:
            try:
                connection = self._open(deadline)
                connection.deadline = deadline
                result = work(connection)
            except DeadlineExceededError:
                self.close()
                raise
            except _RETRIED as error:
                self.deadlocks += 1
                self._make_idle()
                if attempt >= self._attempts or time.monotonic() >= deadline:
                    reason = f"PostgreSQL retry limit reached: {type(error).__name__}"
                    raise LedgerUnavailableError(reason) from error
                time.sleep(self._random.uniform(0, _RETRY_PAUSE_SECONDS * 2**attempt))
                attempt += 1
            except psycopg.Error as error:
                lost = self._connection is None or self._connection.broken or self._connection.closed
                self._make_idle()
                if _class_of(error) == _SCHEMA_CLASS:
                    raise SchemaMismatchError(
                        f"schema and code differ: {error.sqlstate}: {_first_line(error)}"
                    ) from error
                if not (lost or _is_unavailable(error)):
                    raise
                self.close()
                if reconnected or not lost:
                    reason = f"PostgreSQL is unavailable: {_first_line(error)}"
                    raise LedgerUnavailableError(reason) from error
                reconnected = True
            except BaseException:
                self.close()
                raise
            else:
                self._make_idle()
                return result

    def close(self) -> None:
        """Close the connection; the next work opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.deadline = None
            connection.close()

    @property
    def round_trips(self) -> int:
        """How often the open connection waited for the server."""
        return 0 if self._connection is None else self._connection.round_trips

    def _open(self, deadline: float) -> DeadlineConnection:
        connection = self._connection
        if connection is not None and not connection.closed and not connection.broken:
            return connection
        self._connection = None
        seconds = max(1, int(min(self._connect_seconds, deadline - time.monotonic())))
        try:
            self._connection = connect(self._settings, connect_seconds=seconds)
        except errors.ConnectionTimeout as error:
            raise DeadlineExceededError("PostgreSQL did not answer in time") from error
        return self._connection

    def _make_idle(self) -> None:
        """Leave the connection idle, or close it."""
        connection = self._connection
        if connection is None:
            return
        if connection.closed or connection.broken:
            self.close()
        elif connection.info.transaction_status != TransactionStatus.IDLE:
            try:
                connection.rollback()
            except (psycopg.Error, LedgerUnavailableError):
                self.close()
        connection.deadline = None


def connect(settings: DatabaseSettings, *, connect_seconds: int = 3) -> DeadlineConnection:
    """Open a connection over TLS, with certificate and host name verified, in autocommit.

    Raises:
        psycopg.OperationalError: refused, unreachable, or not who it should be.
    """
    return DeadlineConnection.connect(
        host=settings.db_host,
        port=settings.db_port,
        dbname=settings.db_name,
        user=settings.db_user,
        password=_password(settings),
        sslmode="verify-full",
        sslrootcert=settings.db_ca_file,
        gssencmode="disable",
        connect_timeout=connect_seconds,
        application_name=f"linkage-{settings.stage}",
        options="-c TimeZone=UTC",
        autocommit=True,
    )


def _password(settings: DatabaseSettings) -> str:
    if settings.db_auth == "iam":
        # Signed on this machine; no call leaves it. Valid for 15 minutes, and only needed to connect.
        from linkage.runtime.aws import client

        token: str = client("rds").generate_db_auth_token(
            DBHostname=settings.db_host, Port=settings.db_port, DBUsername=settings.db_user
        )
        return token
    if settings.db_password is None:
        raise ConfigurationError("db_password is required when db_auth is password", field="db_password")
    return settings.db_password.get_secret_value()


def _class_of(error: psycopg.Error) -> str:
    return (error.sqlstate or "")[:2]


def _is_unavailable(error: psycopg.Error) -> bool:
    return _class_of(error) in _UNAVAILABLE_CLASSES


def _first_line(error: psycopg.Error) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


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
