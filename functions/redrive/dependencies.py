"""What ``redrive`` works with, built once per process, when the first event comes."""

from __future__ import annotations

from aws_lambda_powertools.logging import Logger

from functions.redrive.service import Ports
from functions.redrive.settings import RedriveSettings
from linkage.adapters.aws.ledger_client import LambdaLedgerReader
from linkage.adapters.aws.sqs_events import SqsDeadLetters
from linkage.runtime import aws
from linkage.runtime.dependencies import once
from linkage.runtime.observability import SystemClock, make_logger

SERVICE = "redrive"
READ_TIMEOUT_SECONDS = 30.0
"""Longer than a read of the ledger may take."""


@once
def settings() -> RedriveSettings:
    """Return the settings from the environment."""
    return RedriveSettings.load()


@once
def ports() -> Ports:
    """Return the dead letters, and the ledger by way of the function that reads it."""
    known = settings()
    return Ports(
        letters=SqsDeadLetters(
            known.fills_dlq_url, known.fills_queue_url, aws.client("sqs", read_timeout=10.0)
        ),
        ledger=LambdaLedgerReader(
            known.read_ledger_function,
            aws.client("lambda", read_timeout=READ_TIMEOUT_SECONDS, max_attempts=2),
        ),
        clock=SystemClock(),
    )


@once
def logger() -> Logger:
    """Return the function's logger."""
    return make_logger(SERVICE, level=settings().log_level, stage=settings().stage)
