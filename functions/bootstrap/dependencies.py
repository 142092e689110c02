"""What ``bootstrap`` works with, built once per process, when it is invoked."""

from __future__ import annotations

from aws_lambda_powertools.logging import Logger

from functions.bootstrap.service import Deployment, Ports
from functions.bootstrap.settings import BootstrapSettings
from linkage.adapters.aws.schema_client import LambdaSchemaMigrator
from linkage.adapters.aws.secret_store import SecretsManagerStore
from linkage.adapters.dynamodb.bots import DynamoBotDirectory
from linkage.runtime import aws
from linkage.runtime.dependencies import once
from linkage.runtime.observability import SystemClock, make_logger

SERVICE = "bootstrap"
MIGRATE_SECONDS = 120.0


@once
def settings() -> BootstrapSettings:
    """Return the settings from the environment."""
    return BootstrapSettings.load()


@once
def deployment() -> Deployment:
    """Return what this deployment is to have."""
    known = settings()
    return Deployment(
        master_secret_id=known.master_secret_id,
        webhook_secret_id=known.secret_id,
        venue=known.venue,
        account=known.account,
        mode=known.mode,
    )


@once
def ports() -> Ports:
    """Return the schema, the secrets and the bots."""
    known = settings()
    # A migration is not asked for twice: the first request may still be at work.
    patient = aws.client("lambda", read_timeout=MIGRATE_SECONDS, max_attempts=1)
    return Ports(
        schema=LambdaSchemaMigrator(known.migrate_function, patient),
        secrets=SecretsManagerStore(aws.client("secretsmanager")),
        bots=DynamoBotDirectory(known.table_name, aws.client("dynamodb")),
        clock=SystemClock(),
    )


@once
def logger() -> Logger:
    """Return the function's logger."""
    return make_logger(SERVICE, level=settings().log_level, stage=settings().stage)
