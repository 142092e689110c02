"""A ledger database for a test: migrated, empty, with every role's login."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import psycopg

from functions.migrate.service import migrate
from local.postgres import HOST, PostgresServer

TEMPLATE = "ledger_template"
_numbers = count(1)


@dataclass
class LedgerDatabase:
    """One database on the test server."""

    server: PostgresServer
    name: str
    _connections: list[psycopg.Connection] = field(default_factory=list)

    @classmethod
    def create(cls, server: PostgresServer, template: str) -> LedgerDatabase:
        """Copy the template."""
        name = f"ledger_{next(_numbers)}"
        server.create_database(name, template=template)
        return cls(server, name)

    def connect(self, role: str = "recorder", *, autocommit: bool = True) -> psycopg.Connection:
        """Return a connection of a role, closed at the end of the test."""
        connection = psycopg.connect(self.server.dsn(role, self.name), autocommit=autocommit)
        self._connections.append(connection)
        return connection

    def settings(self, role: str = "recorder") -> dict[str, Any]:
        """Return the fields of ``DatabaseSettings`` for a role."""
        return {
            "stage": "test",
            "db_host": HOST,
            "db_port": self.server.port,
            "db_name": self.name,
            "db_user": role,
            "db_auth": "password",
            "db_password": self.server.passwords[role],
            "db_ca_file": str(self.server.ca_file),
        }

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return what a query gives the superuser, who sees everything."""
        with psycopg.connect(self.server.dsn(database=self.name)) as connection:
            return connection.execute(query, parameters or None).fetchall()

    def drop(self) -> None:
        """Close what is open and remove the database."""
        for connection in self._connections:
            connection.close()
        self.server.drop_database(self.name)


def create_template(server: PostgresServer) -> str:
    """Create and migrate the database that others are copied from."""
    server.create_database(TEMPLATE)
    with psycopg.connect(server.dsn("migrator", TEMPLATE)) as connection:
        migrate(connection)
    return TEMPLATE
