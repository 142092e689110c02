"""What the broker works with, built once per process, when the first event comes."""

from __future__ import annotations

from functools import lru_cache

from aws_lambda_powertools.logging import Logger

from functions.broker.service import Ports, Venue
from functions.broker.settings import BrokerSettings
from linkage.adapters.aws.sqs_events import SqsEventQueue
from linkage.adapters.dynamodb.state import DynamoPaperStore
from linkage.adapters.markets.selection import market_from
from linkage.runtime import aws
from linkage.runtime.observability import SystemClock, make_logger

SERVICE = "broker"


@lru_cache(maxsize=1)
def settings() -> BrokerSettings:
    """Return the settings from the environment."""
    return BrokerSettings.load()


@lru_cache(maxsize=1)
def ports() -> Ports:
    """Return the orders, the market and the queue."""
    known = settings()
    return Ports(
        store=DynamoPaperStore(known.table_name, known.account, aws.client("dynamodb")),
        market=market_from(known.market),
        queue=SqsEventQueue(known.fills_queue_url, aws.client("sqs")),
        clock=SystemClock(),
    )


@lru_cache(maxsize=1)
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


@lru_cache(maxsize=1)
def logger() -> Logger:
    """Return the function's logger."""
    return make_logger(SERVICE, level=settings().log_level, stage=settings().stage)


def forget() -> None:
    """Drop everything, so that the next event builds it anew."""
    for built in (settings, ports, venue, logger):
        built.cache_clear()
