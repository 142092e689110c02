"""The roles of the ledger: who owns it, who may write facts, who may only look.

Created once by a superuser (locally) or by the master user of RDS (``functions.migrate``); everything
after that runs as ``migrator``. ``linkage_owner`` owns every object and cannot log in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import errors, sql
from psycopg.rows import namedtuple_row

OWNER = "linkage_owner"


@dataclass(frozen=True, slots=True)
class LoginRole:
    """A role that logs in, with its limits.

    ``settings`` are defaults of its sessions; a session can change most of them, so they protect against
    accidents, not against intent. ``temp_file_limit`` it cannot change.
    """

    name: str
    connection_limit: int
    settings: Mapping[str, str]


LOGINS = (
    LoginRole("migrator", 5, {"lock_timeout": "30s", "idle_in_transaction_session_timeout": "60s"}),
    LoginRole(
        "recorder",
        40,
        # A frozen invocation must not keep its locks; just-in-time compilation costs more than it saves here.
        {"jit": "off", "idle_in_transaction_session_timeout": "10s", "lock_timeout": "10s"},
    ),
    LoginRole(
        "reader", 15, {"jit": "off", "statement_timeout": "25s", "default_transaction_read_only": "on"}
    ),
    LoginRole(
        "sql_reader",
        5,
        {
            "jit": "off",
            "statement_timeout": "20s",
            "default_transaction_read_only": "on",
            "temp_file_limit": "1GB",
        },
    ),
)

_FOR_SUPERUSERS = ("temp_file_limit",)
"""Settings that only a superuser may set, and the master user of RDS where AWS lets it. The rest goes on
without them."""

# A reader of SQL could otherwise hold locks that others wait for. Only the owner of these functions may
# take the right away: a superuser can, the master user of RDS gets a warning and nothing changes.
_ADVISORY: LiteralString = """
DO $body$
DECLARE name text;
BEGIN
  FOR name IN
    SELECT format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = 'pg_catalog'
      AND (p.proname LIKE 'pg\\_%advisory%' OR p.proname IN ('pg_cancel_backend', 'pg_terminate_backend'))
  LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', name);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO linkage_owner, recorder', name);
  END LOOP;
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $body$
"""


def create_roles(connection: psycopg.Connection[Any], passwords: Mapping[str, str] | None = None) -> None:
    """Create what is missing of the roles and give each its limits. Safe to repeat.

    Args:
        connection: as superuser, or as the master user of RDS; in autocommit.
        passwords: by login, for a server without IAM; where the role ``rds_iam`` exists, logins get that.
    """
    roles: psycopg.Cursor[Any] = connection.cursor(row_factory=namedtuple_row)
    present = {row.rolname for row in roles.execute("SELECT rolname FROM pg_roles")}
    if OWNER not in present:
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(OWNER)))
    for role in LOGINS:
        name = sql.Identifier(role.name)
        if role.name not in present:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        connection.execute(
            sql.SQL("ALTER ROLE {} LOGIN CONNECTION LIMIT {}").format(
                name, sql.Literal(role.connection_limit)
            )
        )
        for setting, value in role.settings.items():
            change = sql.SQL("ALTER ROLE {} SET {} = {}").format(
                name, sql.Identifier(setting), sql.Literal(value)
            )
            try:
                connection.execute(change)
            except errors.InsufficientPrivilege:
                if setting not in _FOR_SUPERUSERS:
                    raise
        if passwords and role.name in passwords:
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(passwords[role.name]))
            )
        if "rds_iam" in present:
            connection.execute(sql.SQL("GRANT rds_iam TO {}").format(name))
    connection.execute(sql.SQL("GRANT {} TO migrator").format(sql.Identifier(OWNER)))


def prepare_database(connection: psycopg.Connection[Any]) -> None:
    """Give the connected database to the owner role and close it to everybody else. Safe to repeat."""
    database = sql.Identifier(connection.info.dbname)
    owner = sql.Identifier(OWNER)
    logins = sql.SQL(", ").join(sql.Identifier(role.name) for role in LOGINS)
    # The master user of RDS is no superuser: it has to be a member of the role it gives objects to.
    connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(owner))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, logins))
    connection.execute(sql.SQL("REVOKE ALL ON SCHEMA public FROM PUBLIC"))
    connection.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(owner))
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(logins))
    connection.execute(_ADVISORY)
