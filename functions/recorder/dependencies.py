"""What the recorder works with, built once per process, when the first event comes."""

from __future__ import annotations

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics

from functions.recorder.service import Ports
from functions.recorder.settings import RecorderSettings
from linkage.adapters.dynamodb.signals import DynamoSignalStore, DynamoSwitchboard
from linkage.adapters.postgres.connection import LedgerConnection
from linkage.adapters.postgres.ledger import PostgresLedger
from linkage.runtime import aws
from linkage.runtime.dependencies import closed_on_reset, once
from linkage.runtime.observability import SystemClock, make_logger, make_metrics

SERVICE = "recorder"


@once
def settings() -> RecorderSettings:
    """Return the settings from the environment."""
    return RecorderSettings.load()


@once
def connection() -> LedgerConnection:
    """Return the process's one connection to PostgreSQL."""
    return closed_on_reset(LedgerConnection(settings()))


@once
def ledger() -> PostgresLedger:
    """Return the ledger, for the use cases of one duty."""
    return PostgresLedger(connection())


@once
def clock() -> SystemClock:
    """Return the machine's clock."""
    return SystemClock()


@once
def ports() -> Ports:
    """Return what recording and linking need: the ledger, the hot store and the switch."""
    # One second and one retry: behind a store that is unavailable, fills must not queue up.
    client = aws.client("dynamodb", connect_timeout=1.0, read_timeout=1.0, max_attempts=2)
    table = settings().table_name
    return Ports(
        ledger=ledger(),
        store=DynamoSignalStore(table, client, clock()),
        switchboard=DynamoSwitchboard(table, client),
        clock=clock(),
    )


@once
def logger() -> Logger:
    """Return the recorder's logger."""
    return make_logger(SERVICE, level=settings().log_level, stage=settings().stage)


@once
def metrics() -> Metrics:
    """Return the recorder's metrics."""
    return make_metrics(SERVICE)
