"""What the webhook works with, built once per process, when the first request comes."""

from __future__ import annotations

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics

from functions.webhook.forwarding import TeeTimes
from functions.webhook.service import Ports
from functions.webhook.settings import WebhookSettings
from linkage.adapters.aws.secret_keys import SecretKeys
from linkage.adapters.aws.sqs_events import SqsEventQueue
from linkage.adapters.dynamodb.bots import DynamoBotDirectory
from linkage.adapters.dynamodb.signals import DynamoSignalStore
from linkage.adapters.http.forwarder import HttpForwarder
from linkage.runtime import aws
from linkage.runtime.dependencies import once
from linkage.runtime.observability import SystemClock, make_logger, make_metrics

SERVICE = "webhook"


@once
def settings() -> WebhookSettings:
    """Return the settings from the environment."""
    return WebhookSettings.load()


@once
def ports() -> Ports:
    """Return the hot store, the bots, the keys, the queue and the way to receivers behind us."""
    known = settings()
    clock = SystemClock()
    table = aws.client("dynamodb", connect_timeout=1.0, read_timeout=2.0, max_attempts=3)
    return Ports(
        store=DynamoSignalStore(known.table_name, table, clock),
        bots=DynamoBotDirectory(known.table_name, table),
        keys=SecretKeys(known.secret_id, aws.client("secretsmanager"), clock),
        queue=SqsEventQueue(known.fills_queue_url, aws.client("sqs")),
        forwarder=HttpForwarder(
            timeout_seconds=known.forward_timeout_seconds, loopback=known.forward_to_loopback
        ),
        clock=clock,
        tee_times=TeeTimes(
            timeout=known.forward_timeout_seconds,
            lease=known.forward_lease_seconds,
            wait=known.forward_wait_seconds,
        ),
    )


@once
def logger() -> Logger:
    """Return the webhook's logger."""
    return make_logger(SERVICE, level=settings().log_level, stage=settings().stage)


@once
def metrics() -> Metrics:
    """Return the webhook's metrics."""
    return make_metrics(SERVICE)
