"""What ``send_report`` works with, built once per process, when the first event comes."""

from __future__ import annotations

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics

from functions.report.service import Ports
from functions.report.settings import SendReportSettings
from linkage.adapters.aws.ledger_client import LambdaLedgerReader
from linkage.adapters.aws.ses_mailer import SesMailer
from linkage.adapters.aws.sqs_events import queue_depth
from linkage.adapters.dynamodb.reports import DynamoReportClaims
from linkage.adapters.dynamodb.state import DynamoStateStore
from linkage.runtime import aws
from linkage.runtime.dependencies import once
from linkage.runtime.observability import SystemClock, make_logger, make_metrics

SERVICE = "report"
READ_TIMEOUT_SECONDS = 60.0
"""Longer than ``read_ledger`` may take for a report."""


@once
def settings() -> SendReportSettings:
    """Return the settings from the environment."""
    return SendReportSettings.load()


@once
def ports() -> Ports:
    """Return the ledger, the mail, and the table with claims and memories."""
    known, clock = settings(), SystemClock()
    table, mail = aws.client("dynamodb"), aws.client("sesv2", read_timeout=10.0, max_attempts=1)
    ledger = aws.client("lambda", read_timeout=READ_TIMEOUT_SECONDS, max_attempts=2)
    return Ports(
        reader=LambdaLedgerReader(known.read_ledger_function, ledger),
        mailer=SesMailer(mail, sender=known.sender, configuration_set=known.configuration_set, clock=clock),
        claims=DynamoReportClaims(known.table_name, table),
        memories=DynamoStateStore(known.table_name, table),
        dead_letters=lambda: queue_depth(aws.client("sqs"), known.fills_dlq_url),
        clock=clock,
    )


@once
def logger() -> Logger:
    """Return the function's logger."""
    return make_logger(SERVICE, level=settings().log_level, stage=settings().stage)


@once
def metrics() -> Metrics:
    """Return the function's metrics."""
    return make_metrics(SERVICE)
