"""The schema: brought up to date, idempotently, whoever else is doing the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg.rows import namedtuple_row
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

import migrations
from migrations import roles

LOCK_ID = 7_105_402_216
"""Key of the advisory lock that lets one migration run at a time."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """What became of the schema.

    Attributes:
        outcome: ``migrated``, ``current``, or ``ahead`` when a newer deployment has been here; that is a
            success, because migrations only add.
        before, after: revisions; ``before`` is None for an empty database.
    """

    outcome: Literal["migrated", "current", "ahead"]
    before: str | None
    after: str | None


def migrate(connection: psycopg.Connection[tuple[Any, ...]]) -> Migrated:
    """Bring the schema up to date in one transaction, under an advisory lock.

    Args:
        connection: as a member of the owner role, used by nobody else meanwhile; not closed.
    """
    connection.autocommit = False
    folder = Path(migrations.__file__).parent
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as bound, bound.begin():
        bound.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK_ID})")
        bound.exec_driver_sql(f"SET LOCAL ROLE {roles.OWNER}")
        before = _current(connection)
        head = script.get_current_head()
        if before == head:
            return Migrated("current", before, before)
        if before is not None and before not in {known.revision for known in script.walk_revisions()}:
            return Migrated("ahead", before, before)
        config.attributes["connection"] = bound
        command.upgrade(config, "head")
        return Migrated("migrated", before, _current(connection))


def create_roles(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Create the roles and give them the connected database. Safe to repeat.

    Args:
        connection: as superuser or as the master user, in autocommit; not closed.
    """
    roles.create_roles(connection)
    roles.prepare_database(connection)


def _current(connection: psycopg.Connection[tuple[Any, ...]]) -> str | None:
    cursor: psycopg.Cursor[Any] = connection.cursor(row_factory=namedtuple_row)
    with cursor:
        cursor.execute("SELECT to_regclass('public.schema_version') AS known")
        row = cursor.fetchone()
        if row is None or row.known is None:
            return None
        cursor.execute("SELECT version_num FROM schema_version")
        row = cursor.fetchone()
        return None if row is None else str(row.version_num)
