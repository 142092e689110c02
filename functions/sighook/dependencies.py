"""What a run works with, built once per process, when the first event comes."""

from __future__ import annotations

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics

from functions.sighook.runs import Deployment
from functions.sighook.service import Ports
from functions.sighook.settings import SighookSettings
from linkage.adapters.aws.secret_keys import SecretKeys
from linkage.adapters.aws.ssm_parameters import SsmParameters
from linkage.adapters.dynamodb.signals import DynamoSignalStore
from linkage.adapters.dynamodb.state import DynamoStateStore
from linkage.adapters.http.signals import HttpSignalSink
from linkage.adapters.markets.selection import market_from
from linkage.runtime import aws
from linkage.runtime.dependencies import once
from linkage.runtime.observability import SystemClock, make_logger, make_metrics
from linkage.strategy.plugin import load_strategy

SERVICE = "sighook"


@once
def settings() -> SighookSettings:
    """Return the settings from the environment."""
    return SighookSettings.load()


@once
def ports() -> Ports:
    """Return the market, the stores, the parameters and the way to the webhook."""
    known = settings()
    clock = SystemClock()
    table = aws.client("dynamodb", read_timeout=3.0, max_attempts=3)
    keys = SecretKeys(known.secret_id, aws.client("secretsmanager"), clock)
    return Ports(
        market=market_from(known.market, known.symbols),
        store=DynamoSignalStore(known.table_name, table, clock),
        sink=HttpSignalSink(known.webhook_url, keys, clock),
        states=DynamoStateStore(known.table_name, table),
        parameters=SsmParameters(
            known.parameters_name, aws.client("ssm"), override=known.parameters_override
        ),
        clock=clock,
    )


@once
def deployment() -> Deployment:
    """Return whose runs these are.

    Raises:
        ConfigurationError: the setting ``strategy`` names no strategy.
    """
    known = settings()
    return Deployment(
        name=known.stage,
        venue=known.venue,
        account=known.account,
        strategy=load_strategy(known.strategy),
        symbols=known.symbols,
        replay=known.replay,
        max_suppressed_per_run=known.max_suppressed_per_run,
    )


@once
def logger() -> Logger:
    """Return the function's logger."""
    return make_logger(SERVICE, level=settings().log_level, stage=settings().stage)


@once
def metrics() -> Metrics:
    """Return the function's metrics."""
    return make_metrics(SERVICE)
