"""Entry point of ``read_ledger``: the reports' view of PostgreSQL, for callers outside the VPC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from functions.report.settings import ReadLedgerSettings
from linkage.adapters.postgres.connection import LedgerConnection
from linkage.adapters.postgres.read.reader import PostgresLedgerReader
from linkage.domain.canonical import parse_utc
from linkage.domain.errors import InvalidInputError
from linkage.domain.facts import Window
from linkage.runtime.observability import make_logger

SERVICE = "read_ledger"
OPS = ("rates", "report", "export_columns", "export", "trace", "verify", "quarantine", "quarantined")


@cache
def _logger() -> Any:
    settings = _settings()
    return make_logger(SERVICE, level=settings.log_level, stage=settings.stage)


@cache
def _settings() -> ReadLedgerSettings:
    return ReadLedgerSettings.load()


@cache
def _connection() -> LedgerConnection:
    return LedgerConnection(_settings())


@cache
def _reader() -> PostgresLedgerReader:
    return PostgresLedgerReader(_connection())


def read_ledger(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer one question about the ledger.

    ``{"op": "rates", "start", "end"}``, ``{"op": "report", "start", "end", "by"?: ["snapshot", …],
    "verdicts"?: true}``, ``{"op": "export_columns", "start", "end"}``, ``{"op": "export", "start", "end",
    "after"?: [time, number]}`` for one page of closed lots, ``{"op": "trace", "id"}``, ``{"op": "verify"}``,
    ``{"op": "quarantine", "resolved"?: true}`` or ``{"op": "quarantined", "id"}``.

    Every failure is raised: a caller must never take an outage for an empty ledger.
    """
    op = event.get("op")
    reader = _reader()
    result: Mapping[str, object] | None
    if op == "rates":
        result = reader.rates(_window(event))
    elif op == "report":
        result = reader.report(_window(event), by=_texts(event, "by"), verdicts=event.get("verdicts") is True)
    elif op == "export_columns":
        result = reader.export_columns(_window(event))
    elif op == "export":
        result = reader.export(_window(event), _cursor(event))
    elif op == "trace":
        result = reader.trace(_text(event, "id"))
    elif op == "verify":
        result = reader.verify()
    elif op == "quarantine":
        result = reader.quarantine(resolved=event.get("resolved") is True)
    elif op == "quarantined":
        result = reader.quarantined(_number(event, "id"))
    else:
        raise InvalidInputError(f"op {op!r} is not one of {', '.join(OPS)}", "op")
    _logger().info("Ledger read", op=op, found=result is not None)
    return {"ok": True, "result": result}


def _window(event: Mapping[str, Any]) -> Window:
    window = Window(_time(event, "start"), _time(event, "end"))
    if window.start >= window.end:
        raise InvalidInputError("start must be before end", "start")
    return window


def _time(event: Mapping[str, Any], field: str) -> Any:
    try:
        return parse_utc(_text(event, field))
    except ValueError as error:
        raise InvalidInputError(str(error), field) from None


def _text(event: Mapping[str, Any], field: str) -> str:
    value = event.get(field)
    if not isinstance(value, str) or not value.strip():
        raise InvalidInputError(f"{field} is required", field)
    return value


def _cursor(event: Mapping[str, Any]) -> tuple[datetime, int] | None:
    after = event.get("after")
    if after is None:
        return None
    if not (isinstance(after, list) and len(after) == 2):
        raise InvalidInputError("after has to be what the page before said", "after")
    return _time({"after": after[0]}, "after"), _number({"after": after[1]}, "after")


def _texts(event: Mapping[str, Any], field: str) -> list[str] | None:
    value = event.get(field)
    if value is not None and not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
        raise InvalidInputError(f"{field} has to be a list of names", field)
    return value


def _number(event: Mapping[str, Any], field: str) -> int:
    value = event.get(field)
    # PostgreSQL counts to 2**63 and no further.
    if not isinstance(value, int) or not 0 < value < 2**63:
        raise InvalidInputError(f"{field} has to be a number above 0", field)
    return value


def forget() -> None:
    """Drop what was built from the settings, so that the next call reads them again."""
    if _connection.cache_info().currsize:
        _connection().close()
    for cached in (_logger, _settings, _connection, _reader):
        cached.cache_clear()
