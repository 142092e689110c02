"""What ``query_ledger`` works with, built once per process, when the first event comes."""

from __future__ import annotations

from aws_lambda_powertools.logging import Logger

from functions.query_ledger.settings import QueryLedgerSettings
from linkage.adapters.postgres.read.queries import PostgresQueries
from linkage.ports.queries import LedgerQueries
from linkage.runtime.dependencies import once
from linkage.runtime.observability import make_logger

SERVICE = "query_ledger"


@once
def settings() -> QueryLedgerSettings:
    """Return the settings from the environment."""
    return QueryLedgerSettings.load()


@once
def queries() -> LedgerQueries:
    """Return what runs statements, each on a connection of its own."""
    return PostgresQueries(settings(), max_rows=settings().max_rows)


@once
def logger() -> Logger:
    """Return the function's logger."""
    return make_logger(SERVICE, level=settings().log_level, stage=settings().stage)
