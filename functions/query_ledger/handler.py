"""Entry point of ``query_ledger``: one SQL statement of the operator's, read only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.query_ledger import dependencies, service


def query_ledger(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer ``{"sql": …}``. An error in the statement is an answer; an outage is raised."""
    outcome = service.run(event.get("sql", ""), dependencies.queries())
    if outcome.result is None:
        dependencies.logger().info("Query refused")
        return {"ok": False, "error": outcome.error}
    result = outcome.result
    dependencies.logger().info("Query answered", rows=len(result.rows), truncated=result.truncated)
    return {"ok": True, "columns": result.columns, "rows": result.rows, "truncated": result.truncated}
