"""Who may do what in the ledger."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import errors

from migrations.roles import create_roles
from tests.support.events import fill, native_id, our_key, signal
from tests.support.ledger import LedgerDatabase, ToldLedger

FACTS = (
    "strategy_signals", "order_events", "fills", "fill_receipts", "snapshot_descriptions", "strategy_runs",
    "bots", "switch_intervals",
)  # fmt: skip
LOGINS = ("recorder", "reader", "sql_reader")


@pytest.fixture
def told(ledger_database: LedgerDatabase) -> ToldLedger:
    """A ledger with one linked order."""
    ledger = ToldLedger.open(ledger_database)
    ledger.tell(signal(our_key(1))[1], fill(native_id(1), client_order_id=our_key(1)))
    ledger.close()
    return ledger


@pytest.mark.parametrize("role", LOGINS)
def test_facts_cannot_be_rewritten(told: ToldLedger, role: str) -> None:
    connection = told.database.connect(role)
    for table in FACTS:
        for statement in (
            f"UPDATE {table} SET {'received_at' if table == 'fill_receipts' else 'recorded_at'} = now()",
            f"DELETE FROM {table}",
            f"TRUNCATE {table}",
            f"DROP TABLE {table}",
            f"ALTER TABLE {table} DISABLE TRIGGER ALL",
        ):
            with pytest.raises((errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)):
                connection.execute(statement)


@pytest.mark.parametrize("role", ["reader", "sql_reader"])
def test_readers_write_nothing_even_outside_a_read_only_transaction(told: ToldLedger, role: str) -> None:
    connection = told.database.connect(role)
    connection.execute("SET default_transaction_read_only = off")
    for statement in (
        "INSERT INTO switch_intervals (changed_at, enabled) VALUES (now(), false)",
        "DELETE FROM trade_strategy_link",
        "CREATE TABLE mine (a integer)",
        "CREATE TEMP TABLE mine (a integer)",
        "UPDATE trade_records SET status = 'open'",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(statement)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT raw FROM fill_receipts",
        "SELECT raw FROM order_events",
        "SELECT extra FROM strategy_signals",
        "SELECT body FROM quarantine",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_terminate_backend(1)",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT rolpassword FROM pg_authid",
    ],
)
def test_the_role_behind_linkage_sql_sees_no_raw_body_and_holds_no_lock(told: ToldLedger, query: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        told.database.connect("sql_reader").execute(query.encode())


@pytest.mark.parametrize("role", LOGINS)
def test_roles_read_what_they_need(told: ToldLedger, role: str) -> None:
    connection = told.database.connect(role)
    for view in (
        "order_dispositions",
        "linkage_rates_hourly",
        "linkage_rates(now(), now())",
        "rolled_rates",
        "split_lots",
        "quarantine_summary",
        "counted_fills",
        "current_bots",
    ):
        connection.execute(f"SELECT * FROM {view}")


def test_nobody_connects_without_tls_or_without_a_password(told: ToldLedger) -> None:
    server = told.database.server
    for change in ({"sslmode": "disable"}, {"password": "wrong"}):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.dsn("recorder", told.database.name), **change)  # type: ignore[arg-type]


def test_the_owner_does_not_log_in(told: ToldLedger) -> None:
    assert told.database.rows("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'linkage_owner'") == [
        (False,)
    ]
    assert told.database.rows("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'") == [
        ("linkage_owner",)
    ]


class MasterOfRds:
    """A connection whose user may not set what only superusers may."""

    def __init__(self, connection: psycopg.Connection[Any], *, forbidden: str) -> None:
        self._connection = connection
        self._forbidden = forbidden

    def cursor(self, **options: Any) -> Any:
        """Return a cursor, which only reads."""
        return self._connection.cursor(**options)

    def execute(self, query: Any) -> Any:
        """Execute it, unless it is forbidden."""
        text = query if isinstance(query, str) else query.as_string(self._connection)
        if self._forbidden in text:
            raise errors.InsufficientPrivilege("permission denied to set parameter")
        return self._connection.execute(query)


@pytest.mark.parametrize(("forbidden", "goes_on"), [("temp_file_limit", True), ("statement_timeout", False)])
def test_who_may_not_limit_temporary_files_sets_everything_else(
    ledger_database: LedgerDatabase, forbidden: str, goes_on: bool
) -> None:
    with psycopg.connect(ledger_database.server.dsn(), autocommit=True) as superuser:
        master: Any = MasterOfRds(superuser, forbidden=forbidden)
        if goes_on:
            create_roles(master)
        else:
            with pytest.raises(errors.InsufficientPrivilege):
                create_roles(master)
