"""What ``read_ledger`` works with, built once per process, when the first event comes."""

from __future__ import annotations

from aws_lambda_powertools.logging import Logger

from functions.read_ledger.settings import ReadLedgerSettings
from linkage.adapters.postgres.connection import LedgerConnection
from linkage.adapters.postgres.read.reader import PostgresLedgerReader
from linkage.ports.reader import OperatorLedgerReader
from linkage.runtime.dependencies import closed_on_reset, once
from linkage.runtime.observability import make_logger

SERVICE = "read_ledger"


@once
def settings() -> ReadLedgerSettings:
    """Return the settings from the environment."""
    return ReadLedgerSettings.load()


@once
def reader() -> OperatorLedgerReader:
    """Return the ledger's read side."""
    return PostgresLedgerReader(closed_on_reset(LedgerConnection(settings())))


@once
def logger() -> Logger:
    """Return the function's logger."""
    return make_logger(SERVICE, level=settings().log_level, stage=settings().stage)
