"""Entry point of ``read_ledger``: the ledger's read side, for callers outside the VPC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.read_ledger import dependencies, service
from functions.read_ledger.request import ReadRequest


def read_ledger(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer one question about the ledger.

    ``{"op": "rates", "start", "end"}``, ``{"op": "report", "start", "end", "by"?: ["snapshot", …],
    "verdicts"?: true}``, ``{"op": "export_columns", "start", "end"}``, ``{"op": "export", "start", "end",
    "after"?: [time, number]}`` for one page of closed lots, ``{"op": "trace", "id"}``, ``{"op": "verify"}``,
    ``{"op": "quarantine", "resolved"?: true}`` or ``{"op": "quarantined", "id"}``.

    Every failure is raised: a caller must never take an outage for an empty ledger.
    """
    request = ReadRequest(event)
    result = service.answer(request, dependencies.reader())
    dependencies.logger().info("Ledger read", op=request.operation, found=result is not None)
    return {"ok": True, "result": result}
