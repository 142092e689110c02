"""Entry point of ``bootstrap``: what a deployment needs once it stands. It runs outside the VPC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.bootstrap import dependencies, service


def bootstrap(_event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Create what is missing of a deployment; the reply says what became of each part."""
    reply = service.bootstrap(dependencies.deployment(), dependencies.ports())
    dependencies.logger().info("Deployment bootstrapped", extra=reply)
    return reply
