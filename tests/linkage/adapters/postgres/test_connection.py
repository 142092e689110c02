"""One connection: verified, replaced when lost, given up when the server hangs, idle when work is done."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import errors
from psycopg.pq import TransactionStatus

from linkage.adapters.postgres.connection import Connection, DeadlineExceededError, LedgerConnection, connect
from linkage.adapters.postgres.ledger import PostgresLedger
from linkage.domain.errors import ConfigurationError, LedgerUnavailableError, SchemaMismatchError
from linkage.runtime.settings import DatabaseSettings
from local.certificates import write_server_certificate
from local.postgres import PostgresServer
from tests.support.events import fill, native_id
from tests.support.ledger import LedgerDatabase, batch_of, create_template


def one(connection: Connection) -> Any:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return row[0]


@pytest.fixture
def ledger(ledger_database: LedgerDatabase) -> Iterator[LedgerConnection]:
    connection = LedgerConnection(DatabaseSettings(**ledger_database.settings()))
    yield connection
    connection.close()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[PostgresServer]:
    """A server that a test may stop, freeze and kill."""
    server = PostgresServer(tmp_path / "postgres")
    server.start()
    yield server
    server.remove()


def test_a_connection_is_kept_between_two_pieces_of_work(ledger: LedgerConnection) -> None:
    assert ledger.run(one) == ledger.run(one)


def test_a_killed_connection_costs_one_reconnect(
    ledger: LedgerConnection, ledger_database: LedgerDatabase
) -> None:
    first = ledger.run(one)
    ledger_database.rows("SELECT pg_terminate_backend(%s)", first)
    assert ledger.run(one) != first


def test_a_connection_killed_within_its_work_costs_one_reconnect(
    ledger: LedgerConnection, ledger_database: LedgerDatabase
) -> None:
    killed: list[int] = []

    def work(connection: Connection) -> Any:
        with connection.transaction():
            pid = one(connection)
            if not killed:
                killed.append(pid)
                ledger_database.rows("SELECT pg_terminate_backend(%s)", pid)
            return one(connection)

    assert ledger.run(work) != killed[0]


def test_a_connection_that_is_killed_every_time_is_given_up(
    ledger: LedgerConnection, ledger_database: LedgerDatabase
) -> None:
    def work(connection: Connection) -> None:
        ledger_database.rows("SELECT pg_terminate_backend(%s)", one(connection))
        connection.execute("SELECT 1")

    with pytest.raises(LedgerUnavailableError):
        ledger.run(work)


@pytest.mark.parametrize("error", [errors.DiskFull, errors.TooManyConnections, errors.AdminShutdown])
def test_a_server_that_cannot_serve_means_that_the_batch_comes_again(
    ledger: LedgerConnection, error: type[psycopg.Error]
) -> None:
    def work(_connection: Connection) -> None:
        raise error

    with pytest.raises(LedgerUnavailableError):
        ledger.run(work)


@pytest.mark.parametrize(
    "statement",
    ["SELECT 1 FROM nowhere", "SELECT price_later FROM fills", "SELECT later(1)", "DELETE FROM fills"],
)
def test_a_schema_that_does_not_fit_the_statements_is_a_mismatch_and_leaves_the_connection_idle(
    ledger: LedgerConnection, statement: LiteralString
) -> None:
    with pytest.raises(SchemaMismatchError, match=r"schema and code differ: 42"):
        ledger.run(lambda connection: connection.execute(statement))
    assert ledger.run(lambda connection: connection).info.transaction_status == TransactionStatus.IDLE


def test_an_error_of_the_work_itself_is_handed_on_and_leaves_the_connection_idle(
    ledger: LedgerConnection,
) -> None:
    kept: list[Connection] = []

    def work(connection: Connection) -> None:
        kept.append(connection)
        connection.execute("BEGIN")
        connection.execute("SELECT 1 / 0")

    with pytest.raises(errors.DivisionByZero):
        ledger.run(work)
    assert kept[0].closed or kept[0].info.transaction_status == TransactionStatus.IDLE
    ledger.run(one)


def test_work_that_forgets_to_commit_is_not_left_open(ledger: LedgerConnection) -> None:
    def work(connection: Connection) -> Connection:
        connection.execute("BEGIN")
        return connection

    assert ledger.run(work).info.transaction_status == TransactionStatus.IDLE


def test_an_unexpected_failure_closes_the_connection(ledger: LedgerConnection) -> None:
    kept: list[Connection] = []

    def work(connection: Connection) -> None:
        kept.append(connection)
        raise KeyError

    with pytest.raises(KeyError):
        ledger.run(work)
    assert kept[0].closed


def test_a_server_that_hangs_is_given_up_at_the_deadline(own_server: PostgresServer) -> None:
    database = LedgerDatabase.create(own_server, create_template(own_server))
    ledger = PostgresLedger(
        LedgerConnection(DatabaseSettings(**database.settings()), deadline_seconds=1.0, connect_seconds=1.0)
    )
    ledger.record(batch_of(fill(native_id(1))))
    pid = ledger.connection.run(one)
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        with pytest.raises(DeadlineExceededError):
            ledger.record(batch_of(fill(native_id(2))))
        assert time.monotonic() - started < 3
    finally:
        os.kill(pid, signal.SIGCONT)
    ledger.record(batch_of(fill(native_id(2))))
    assert database.rows("SELECT count(*) FROM trade_records") == [(2,)]
    ledger.connection.close()


def test_a_server_that_was_killed_between_two_batches_serves_the_next_when_it_is_back(
    own_server: PostgresServer,
) -> None:
    database = LedgerDatabase.create(own_server, create_template(own_server))
    ledger = PostgresLedger(LedgerConnection(DatabaseSettings(**database.settings())))
    ledger.record(batch_of(fill(native_id(1))))
    own_server.kill()
    with pytest.raises(LedgerUnavailableError):
        ledger.record(batch_of(fill(native_id(2))))
    own_server.start()
    ledger.record(batch_of(fill(native_id(2))))
    assert database.rows("SELECT count(*) FROM trade_records") == [(2,)]
    ledger.connection.close()


def test_it_connects_to_nobody_but_a_server_with_a_valid_certificate(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    settings = {
        "stage": "test", "db_host": "127.0.0.1", "db_port": own_server.port, "db_name": "postgres",
        "db_user": "postgres", "db_auth": "password", "db_password": own_server.passwords["postgres"],
        "db_ca_file": str(own_server.ca_file),
    }  # fmt: skip
    connect(DatabaseSettings.model_validate(settings)).close()
    write_server_certificate(tmp_path / "other")

    def refuses(**change: object) -> None:
        with pytest.raises(psycopg.OperationalError, match=r"certificate|SSL|host"):
            connect(DatabaseSettings.model_validate(settings | change))

    refuses(db_ca_file=str(tmp_path / "other" / "ca.pem"))
    tls = own_server.ca_file.parent

    def restart_with(**certificate: Any) -> None:
        own_server.stop()
        owner = (tls / "server.key").stat()
        write_server_certificate(tls, **certificate)
        for file in tls.iterdir():
            os.chown(file, owner.st_uid, owner.st_gid)

    restart_with(names=["db.example"])
    _start_without_waiting(own_server)
    refuses()
    restart_with(valid_from=datetime.now(UTC) - timedelta(days=40), days=30)
    _start_without_waiting(own_server)
    refuses()
    own_server.stop()
    own_server._configuration["ssl"] = "off"
    _start_without_waiting(own_server)
    refuses()


def test_a_password_login_needs_a_password() -> None:
    settings = DatabaseSettings(stage="local", db_host="127.0.0.1", db_user="recorder", db_auth="password")
    with pytest.raises(ConfigurationError):
        connect(settings)


def test_in_the_cloud_the_password_is_a_token_signed_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, ledger_database: LedgerDatabase
) -> None:
    used: dict[str, Any] = {}

    def fake(**parameters: Any) -> None:
        used.update(parameters)
        raise psycopg.OperationalError("not there")

    for name, value in (("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "x"),
                        ("AWS_DEFAULT_REGION", "eu-central-1")):  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr("linkage.adapters.postgres.connection.DeadlineConnection.connect", fake)
    settings = DatabaseSettings(**{**ledger_database.settings(), "db_auth": "iam", "db_password": None})
    with pytest.raises(psycopg.OperationalError):
        connect(settings)
    assert "X-Amz-Signature=" in used["password"]
    assert (used["user"], used["sslmode"]) == ("recorder", "verify-full")


def _start_without_waiting(server: PostgresServer) -> None:
    """Start a server to which nobody can connect in the right way."""
    original: Callable[[], None] = server._wait_until_ready
    server._wait_until_ready = _listening(server)  # type: ignore[method-assign]
    try:
        server.start()
    finally:
        server._wait_until_ready = original  # type: ignore[method-assign]


def _listening(server: PostgresServer) -> Callable[[], None]:
    def wait() -> None:
        import socket

        while True:
            try:
                socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
            except OSError:
                continue
            return

    return wait
