"""Entry point of ``query_ledger``: one SQL statement of the operator's, read only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from functions.report.settings import QueryLedgerSettings
from linkage.adapters.postgres.read.queries import PostgresQueries, QueryFailedError
from linkage.runtime.observability import make_logger

SERVICE = "query_ledger"


@cache
def _settings() -> QueryLedgerSettings:
    return QueryLedgerSettings.load()


@cache
def _logger() -> Any:
    settings = _settings()
    return make_logger(SERVICE, level=settings.log_level, stage=settings.stage)


@cache
def _queries() -> PostgresQueries:
    settings = _settings()
    return PostgresQueries(settings, max_rows=settings.max_rows)


def query_ledger(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer ``{"sql": …}``. An error in the statement is an answer; an outage is raised."""
    try:
        result = _queries().run(event.get("sql", ""))
    except QueryFailedError as error:
        _logger().info("Query refused")
        return {"ok": False, "error": str(error)}
    _logger().info("Query answered", rows=len(result.rows), truncated=result.truncated)
    return {"ok": True, "columns": result.columns, "rows": result.rows, "truncated": result.truncated}


def forget() -> None:
    """Drop what was built from the settings, so that the next call reads them again."""
    for cached in (_settings, _logger, _queries):
        cached.cache_clear()
