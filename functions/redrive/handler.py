"""Entry point of ``redrive``: on a schedule, outside the network, where the queues can be reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from functions.redrive import dependencies, service


def redrive(_event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Move dead letters back into the fills queue if the database answers; the reply counts them."""
    redriven = service.redrive(dependencies.ports(), most_redrives=dependencies.settings().most_redrives)
    reply = asdict(redriven)
    if redriven.left or not redriven.ledger_answers:
        dependencies.logger().warning("Dead letters left", extra=reply)
    elif redriven.waiting:
        dependencies.logger().info("Dead letters moved", extra=reply)
    return reply
