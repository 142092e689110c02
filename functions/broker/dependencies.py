"""What the broker works with, built once per process, when the first event comes."""

from __future__ import annotations

from aws_lambda_powertools.logging import Logger

from functions.broker.service import Ports, Venue
from functions.broker.settings import BrokerSettings
from linkage.adapters.aws.sqs_events import SqsEventQueue
from linkage.adapters.dynamodb.state import DynamoPaperStore
from linkage.adapters.markets.selection import market_from
from linkage.runtime import aws
from linkage.runtime.dependencies import once
from linkage.runtime.observability import SystemClock, make_logger

SERVICE = "broker"


@once
def settings() -> BrokerSettings:
    """Return the settings from the environment."""
    return BrokerSettings.load()


@once
def ports() -> Ports:
    """Return the orders, the market and the queue."""
    known = settings()
    return Ports(
        store=DynamoPaperStore(known.table_name, known.account, aws.client("dynamodb")),
        market=market_from(known.market),
        queue=SqsEventQueue(known.fills_queue_url, aws.client("sqs")),
        clock=SystemClock(),
    )


@once
def venue() -> Venue:
    """Return which venue this is."""
    known = settings()
    return Venue(
        known.venue,
        known.account,
        known.seed,
        known.interval_seconds,
        duplicate_rate=known.duplicate_rate,
        reorder_rate=known.reorder_rate,
    )


@once
def logger() -> Logger:
    """Return the function's logger."""
    return make_logger(SERVICE, level=settings().log_level, stage=settings().stage)
