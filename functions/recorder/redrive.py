"""Entry point of ``redrive``: on a schedule, outside the network, where the queues can be reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.recorder import repair
from functions.recorder.settings import RedriveSettings
from linkage.adapters.aws.ledger_client import LambdaLedgerReader
from linkage.adapters.aws.sqs_events import SqsDeadLetters
from linkage.runtime import aws
from linkage.runtime.dependencies import once
from linkage.runtime.observability import SystemClock, make_logger

SERVICE = "redrive"
READ_TIMEOUT_SECONDS = 30.0
"""Longer than a read of the ledger may take."""


def redrive(_event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Move dead letters back into the fills queue if the database answers. Without any, one call is all."""
    settings = _settings()
    done = repair.redrive(
        SqsDeadLetters(
            settings.fills_dlq_url, settings.fills_queue_url, aws.client("sqs", read_timeout=10.0)
        ),
        LambdaLedgerReader(
            settings.read_ledger_function,
            aws.client("lambda", read_timeout=READ_TIMEOUT_SECONDS, max_attempts=2),
        ),
        SystemClock(),
        most_redrives=settings.most_redrives,
    )
    reply: dict[str, Any] = {
        "waiting": done.waiting,
        "moved": done.moved,
        "left": done.left,
        "ledger_answers": done.ledger_answers,
    }
    if done.waiting:
        logger = make_logger(SERVICE, level=settings.log_level, stage=settings.stage)
        if done.left or not done.ledger_answers:
            logger.warning("Dead letters left", extra=reply)
        else:
            logger.info("Dead letters moved", extra=reply)
    return reply


@once
def _settings() -> RedriveSettings:
    return RedriveSettings.load()
