"""What ``migrate`` works with. A migration is rare, so each gets a connection of its own."""

from __future__ import annotations

from aws_lambda_powertools.logging import Logger
from pydantic import SecretStr

from functions.migrate.settings import MigrateSettings
from linkage.adapters.postgres.connection import DeadlineConnection, connect
from linkage.runtime.dependencies import once
from linkage.runtime.observability import make_logger

SERVICE = "migrate"


@once
def settings() -> MigrateSettings:
    """Return the settings from the environment."""
    return MigrateSettings.load()


def connect_as_migrator() -> DeadlineConnection:
    """Open a connection as the login of the settings."""
    return connect(settings())


def connect_as_master(username: str, password: str) -> DeadlineConnection:
    """Open a connection as the master user, whose password is in the event and in no setting."""
    login = {"db_user": username, "db_password": SecretStr(password), "db_auth": "password"}
    return connect(settings().model_copy(update=login))


@once
def logger() -> Logger:
    """Return the function's logger."""
    return make_logger(SERVICE, level=settings().log_level, stage=settings().stage)
