"""Entry point of ``migrate``: the schema, and on the first deployment the roles. It runs inside the VPC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from functions.migrate import dependencies, service
from linkage.domain.errors import InvalidInputError


def migrate(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Bring the schema up to date, or create the roles. Only outcomes are logged, never the event."""
    operation = event.get("op")
    if operation == "migrate":
        with dependencies.connect_as_migrator() as connection:
            reply = asdict(service.migrate(connection))
        dependencies.logger().info("Schema migrated", extra=reply)
        return reply
    if operation == "create_roles":
        master = event["master"]
        with dependencies.connect_as_master(master["username"], master["password"]) as connection:
            service.create_roles(connection)
        dependencies.logger().info("Roles created")
        return {"outcome": "created"}
    raise InvalidInputError(f"unknown operation {operation!r}", "op")
