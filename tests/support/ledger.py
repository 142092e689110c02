"""A ledger database for a test: migrated, empty, with every role's login."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import psycopg
from psycopg.rows import dict_row

from functions.migrate.service import migrate
from linkage.adapters.postgres.connection import LedgerConnection
from linkage.adapters.postgres.ledger import PostgresLedger
from linkage.contracts.events import EVENT, fact_text
from linkage.contracts.signals import BotRecord, StoredSignal
from linkage.domain.facts import FactBatch, Resolved
from linkage.runtime.settings import DatabaseSettings
from local.postgres import HOST, PostgresServer

TEMPLATE = "ledger_template"
_NOT_EMPTIED = ("alembic_version", "lot_progress")  # a migration put their one row there
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

    def dictionaries(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """Return what a query gives the superuser, by column."""
        with psycopg.connect(self.server.dsn(database=self.name), row_factory=dict_row) as connection:
            return connection.execute(query, parameters or None).fetchall()

    def empty(self, *kept: str) -> None:
        """Delete the rows of all tables but those kept: several times as fast as copying the template."""
        tables = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        with psycopg.connect(self.server.dsn(database=self.name), autocommit=True) as connection:
            # Facts may not be deleted, but by a superuser who switches their triggers off.
            connection.execute("SET session_replication_role = replica")
            connection.execute("SET lock_timeout = '5s'")
            names = [name for (name,) in connection.execute(tables) if name not in (*_NOT_EMPTIED, *kept)]
            connection.execute("; ".join(f"DELETE FROM {name}" for name in names).encode())
            connection.execute(
                "SELECT setval(oid::regclass, 1, false) FROM pg_class"
                " WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace"
            )

    def close(self) -> None:
        """Close what is open."""
        while self._connections:
            self._connections.pop().close()

    def drop(self) -> None:
        """Close what is open and remove the database."""
        self.close()
        self.server.drop_database(self.name)


def create_template(server: PostgresServer) -> str:
    """Create and migrate the database that others are copied from."""
    server.create_database(TEMPLATE)
    with psycopg.connect(server.dsn("migrator", TEMPLATE)) as connection:
        migrate(connection)
    return TEMPLATE


@dataclass
class ToldLedger:
    """A ledger that is told facts as a recorder tells them, and answers with its rows."""

    database: LedgerDatabase
    ledger: PostgresLedger

    @classmethod
    def open(cls, database: LedgerDatabase, *, deadline_seconds: float = 30.0) -> ToldLedger:
        """Connect as ``recorder``."""
        settings = DatabaseSettings(**database.settings())
        return cls(database, PostgresLedger(LedgerConnection(settings, deadline_seconds=deadline_seconds)))

    def tell(self, *told: Mapping[str, Any] | StoredSignal | BotRecord) -> Resolved:
        """Record facts in one batch, and resolve what they touched."""
        recorded = self.ledger.record(batch_of(*told))
        return self.ledger.resolve(recorded.touched)

    def tell_each(self, *told: Mapping[str, Any] | StoredSignal | BotRecord) -> None:
        """Record facts one by one."""
        for one in told:
            self.tell(one)

    def order(self, native: str) -> dict[str, Any]:
        """Return an order's row of ``trade_records``."""
        return self._row("trade_records", native)

    def link(self, native: str) -> dict[str, Any] | None:
        """Return an order's link; None when it has none."""
        rows = self.database.dictionaries("SELECT * FROM trade_strategy_link WHERE order_id = %s", native)
        return rows[0] if rows else None

    def disposition(self, native: str) -> tuple[str | None, str | None]:
        """Return an order's disposition and its reason."""
        row = self._row("order_dispositions", native)
        return row["disposition"], row["reason"]

    def grow_older(self, minutes: int) -> None:
        """Let all orders have been recorded earlier than they were."""
        self.database.rows(
            "UPDATE trade_records SET first_recorded_at = first_recorded_at - make_interval(mins => %s)"
            " RETURNING 1",
            minutes,
        )

    def close(self) -> None:
        """Disconnect."""
        self.ledger.connection.close()

    def _row(self, table: str, native: str) -> dict[str, Any]:
        (row,) = self.database.dictionaries(f"SELECT * FROM {table} WHERE order_id = %s", native)
        return row


def batch_of(*told: Mapping[str, Any] | StoredSignal | BotRecord) -> FactBatch:
    """Return events, signals and bots as a batch of facts."""
    parts: dict[str, list[str]] = {"fills": [], "order_events": [], "signals": [], "bots": []}
    for one in told:
        if isinstance(one, StoredSignal):
            parts["signals"].append(one.fact_text())
        elif isinstance(one, BotRecord):
            parts["bots"].append(one.fact_text())
        else:
            event = EVENT.validate_python(dict(one))
            part = "fills" if one["type"] == "fill" else "order_events"
            parts[part].append(fact_text(event))
    return FactBatch(
        fills=parts["fills"],
        order_events=parts["order_events"],
        signals=parts["signals"],
        bots=parts["bots"],
    )


def a_bot(bot_id: str, **fields: Any) -> BotRecord:
    """Return a registered bot on the account that the events of ``tests.support.events`` name."""
    record = {
        "bot_id": bot_id, "source": "generic", "venue": "coinbase", "account": "main",
        "expects_signals": "yes", "linked_since": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z", **fields,
    }  # fmt: skip
    return BotRecord.model_validate(record)
