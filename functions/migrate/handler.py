"""Entry point of ``migrate``: the schema, and on the first deployment the roles. It runs inside the VPC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.logging import Logger
from pydantic import SecretStr

from functions.migrate import service
from functions.migrate.settings import MigrateSettings
from linkage.adapters.postgres.connection import connect
from linkage.domain.errors import InvalidInputError
from linkage.runtime.dependencies import once
from linkage.runtime.observability import make_logger


@once
def _settings() -> MigrateSettings:
    return MigrateSettings.load()


@once
def _logger() -> Logger:
    return make_logger("migrate", level=_settings().log_level, stage=_settings().stage)


def migrate(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Bring the schema up to date, or create the roles. Only outcomes are logged, never the event."""
    operation = event.get("op")
    if operation == "migrate":
        with connect(_settings()) as connection:
            outcome = service.migrate(connection)
        details = {"outcome": outcome.outcome, "before": outcome.before, "after": outcome.after}
        _logger().info("Schema migrated", extra=details)
        return details
    if operation == "create_roles":
        master = event["master"]
        login = {
            "db_user": master["username"],
            "db_password": SecretStr(master["password"]),
            "db_auth": "password",
        }
        with connect(_settings().model_copy(update=login)) as connection:
            service.create_roles(connection)
        _logger().info("Roles created")
        return {"outcome": "created"}
    raise InvalidInputError(f"unknown operation {operation!r}", "op")
