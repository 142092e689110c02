"""The schema is the same however often, by however many, and after whatever crash it is migrated."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.exc import OperationalError

from functions.migrate import service
from local.postgres import PostgresServer
from tests.support.ledger import LedgerDatabase

_numbers = count(1)

DESCRIPTION = """
SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
WHERE table_schema = 'public'
UNION ALL
SELECT tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT table_name, grantee, privilege_type, '', '' FROM information_schema.role_table_grants
WHERE table_schema = 'public'
ORDER BY 1, 2, 3
"""


@pytest.fixture
def empty(postgres_server: PostgresServer) -> Iterator[LedgerDatabase]:
    """A database with roles and without a schema."""
    name = f"empty_{next(_numbers)}"
    postgres_server.create_database(name)
    database = LedgerDatabase(postgres_server, name)
    yield database
    database.drop()


def migrate(database: LedgerDatabase) -> service.Migrated:
    with psycopg.connect(database.server.dsn("migrator", database.name)) as connection:
        return service.migrate(connection)


def test_a_schema_that_is_there_is_left_alone(empty: LedgerDatabase) -> None:
    assert migrate(empty).outcome == "migrated"
    before = empty.rows(DESCRIPTION)
    assert len(before) > 100
    again = migrate(empty)
    assert (again.outcome, again.before) == ("current", again.after)
    assert empty.rows(DESCRIPTION) == before


def test_four_migrations_at_once_make_one_schema(
    empty: LedgerDatabase, ledger_database: LedgerDatabase
) -> None:
    outcomes: list[str] = []
    threads = [threading.Thread(target=lambda: outcomes.append(migrate(empty).outcome)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["current", "current", "current", "migrated"]
    assert empty.rows(DESCRIPTION) == ledger_database.rows(DESCRIPTION)


def test_a_migration_that_is_killed_leaves_nothing_and_can_be_repeated(
    empty: LedgerDatabase, ledger_database: LedgerDatabase
) -> None:
    for survived in count():
        _Killer.remaining = survived
        connection = psycopg.connect(empty.server.dsn("migrator", empty.name), cursor_factory=_Killer)
        try:
            outcome = service.migrate(connection)
        except OperationalError:
            assert empty.rows("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
        else:
            break
        finally:
            connection.close()
    assert survived > 8
    assert outcome.outcome == "migrated"
    assert empty.rows(DESCRIPTION) == ledger_database.rows(DESCRIPTION)


def test_a_database_that_is_ahead_is_a_success(ledger_database: LedgerDatabase) -> None:
    ledger_database.rows("UPDATE schema_version SET version_num = '9999' RETURNING 1")
    outcome = migrate(ledger_database)
    assert (outcome.outcome, outcome.after) == ("ahead", "9999")


def test_roles_are_made_by_a_master_user_that_is_no_superuser(postgres_server: PostgresServer) -> None:
    own = PostgresServer(postgres_server.folder.parent / "master")
    own.start()
    try:
        with psycopg.connect(own.dsn(), autocommit=True) as connection:
            connection.execute("CREATE ROLE rds_iam NOLOGIN")
            connection.execute("CREATE ROLE master LOGIN CREATEROLE CREATEDB PASSWORD 'm'")
            connection.execute("GRANT rds_iam TO master WITH ADMIN OPTION")
            connection.execute("CREATE DATABASE linkage OWNER master")
        own.passwords["master"] = "m"
        with psycopg.connect(own.dsn("master", "linkage"), autocommit=True) as connection:
            for _ in range(2):
                service.create_roles(connection)
            members = connection.execute(
                "SELECT m.rolname FROM pg_auth_members JOIN pg_roles r ON r.oid = roleid"
                " JOIN pg_roles m ON m.oid = member WHERE r.rolname = 'rds_iam' ORDER BY 1"
            ).fetchall()
            assert members == [("master",), ("migrator",), ("reader",), ("recorder",), ("sql_reader",)]
            # There is no IAM here to log in by.
            connection.execute(sql.SQL("ALTER ROLE migrator PASSWORD {}").format(sql.Literal("x")))
        own.passwords["migrator"] = "x"
        with psycopg.connect(own.dsn("migrator", "linkage")) as connection:
            assert service.migrate(connection).outcome == "migrated"
    finally:
        own.remove()


class _Killer(psycopg.Cursor[Any]):
    """A cursor whose connection dies before one of its statements."""

    remaining = 0

    def execute(self, query: Any, params: Any = None, **named: Any) -> _Killer:
        """Count down, then die."""
        _Killer.remaining -= 1
        if _Killer.remaining < 0:
            self.connection.close()
            raise psycopg.OperationalError("killed")
        super().execute(query, params, **named)
        return self
