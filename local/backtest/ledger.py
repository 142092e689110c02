"""A ledger for one backtest: PostgreSQL of its own, migrated like every other, removed afterwards."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg.rows import namedtuple_row

from functions.migrate.service import migrate
from linkage.adapters.postgres.connection import LedgerConnection
from linkage.adapters.postgres.ledger import PostgresLedger
from linkage.adapters.postgres.lots.lots import PostgresLots
from linkage.adapters.postgres.read.reader import PostgresLedgerReader
from linkage.runtime.settings import DatabaseSettings
from local.backtest.trials import Trial
from local.postgres import HOST, PostgresServer

DATABASE = "linkage"
PATIENT_SECONDS = 120.0


@dataclass
class OwnLedger:
    """The ledger of a backtest, through the same adapters as the deployed one's."""

    server: PostgresServer
    name: str
    recorder: LedgerConnection
    reader: LedgerConnection

    @classmethod
    def connect(cls, server: PostgresServer, name: str) -> OwnLedger:
        """Return the ledger in a migrated database of a server."""
        connections = (
            LedgerConnection(
                DatabaseSettings.model_validate(_settings(server, name, role)),
                deadline_seconds=PATIENT_SECONDS,
            )
            for role in ("recorder", "reader")
        )
        return cls(server, name, *connections)

    @property
    def writing(self) -> PostgresLedger:
        """What the recorder writes with."""
        return PostgresLedger(self.recorder)

    @property
    def lots(self) -> PostgresLots:
        """What matches entries and exits."""
        return PostgresLots(self.recorder)

    @property
    def reading(self) -> PostgresLedgerReader:
        """What the report reads with."""
        return PostgresLedgerReader(self.reader)

    def save(self, trial: Trial) -> None:
        """Store a trial, unless it is there."""
        self.writing.save_trials([json.dumps(trial.document())])

    def rows(self, query: LiteralString) -> list[Any]:
        """Return the rows of a query, as an operator may read them, by the names of their columns."""
        with psycopg.connect(self.dsn("sql_reader"), row_factory=namedtuple_row) as connection:
            return list(connection.execute(query))

    def close(self) -> None:
        """Disconnect."""
        self.recorder.close()
        self.reader.close()

    def dsn(self, user: str) -> str:
        """Return the connection string of a login."""
        return self.server.dsn(user, self.name)


@contextmanager
def own_ledger() -> Iterator[OwnLedger]:
    """Start PostgreSQL in a new folder, yield its empty ledger, and remove both."""
    folder = Path(tempfile.mkdtemp(prefix="linkage-backtest-"))
    server = PostgresServer(folder / "postgres")
    try:
        server.start()
        server.create_database(DATABASE)
        with psycopg.connect(server.dsn("migrator", DATABASE)) as connection:
            migrate(connection)
        ledger = OwnLedger.connect(server, DATABASE)
        try:
            yield ledger
        finally:
            ledger.close()
    finally:
        server.remove()
        shutil.rmtree(folder, ignore_errors=True)


def _settings(server: PostgresServer, name: str, role: str) -> Mapping[str, object]:
    return {
        "stage": "backtest",
        "db_host": HOST,
        "db_port": server.port,
        "db_name": name,
        "db_user": role,
        "db_auth": "password",
        "db_password": server.passwords[role],
        "db_ca_file": str(server.ca_file),
    }
