"""Entry point of sighook: one run of the strategy for each scheduled time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.sighook import dependencies, service
from functions.sighook.runs import ArmRun, Completed, NotRun
from linkage.domain.canonical import iso_utc, parse_utc
from linkage.domain.errors import InvalidInputError, RefusedError
from linkage.runtime.observability import emit_counts


def run_strategy(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Run the strategy at the event's ``scheduled_time``; the reply says what the run did.

    Raises:
        InvalidInputError: the event has no such time.
        RetryableError: the run has to be repeated.
        RefusedError: the run is complete, but the webhook refused signals, which only a person can fix.
    """
    try:
        scheduled_at = parse_utc(str(event["scheduled_time"]))
    except (KeyError, ValueError):
        raise InvalidInputError("scheduled_time has to be ISO 8601 with a zone", "scheduled_time") from None
    outcome = service.run(scheduled_at, dependencies.deployment(), dependencies.ports())
    if isinstance(outcome, NotRun):
        fields = {
            "scheduled_at": iso_utc(scheduled_at),
            "reason": outcome.reason,
            "lateness_seconds": round(outcome.lateness_seconds, 1),
        }
        dependencies.logger().warning("Run skipped", extra=fields)
        return {"run": "skipped", **fields}
    reply = _report(outcome, iso_utc(scheduled_at))
    refused = [signal for signal in outcome.posted if signal.outcome == "refused"]
    if refused:
        raise RefusedError(f"{len(refused)} signals refused, first: {refused[0].reason}", 422)
    return reply


def _report(run: Completed, scheduled_at: str) -> dict[str, Any]:
    log = dependencies.logger()
    if run.invalid_parameters is not None:
        problem = run.invalid_parameters
        log.error("Parameters refused", extra={"field": problem.field, "reason": problem.message})
    for signal in run.posted:
        if signal.outcome == "conflict":
            fields = {"correlation_id": signal.client_order_id, "symbol": signal.decision.symbol}
            log.warning("Signal already published", extra={**fields, "difference": dict(signal.difference)})
    if run.skipped:
        log.warning("Symbols skipped", extra={"symbols_skipped": dict(run.skipped)})
    reply: dict[str, Any] = {
        "run": "completed",
        "run_id": str(run.run_id),
        "scheduled_at": scheduled_at,
        "snapshot_id": str(run.snapshot.snapshot_id),
        "symbols_seen": run.seen,
        "sent": run.count("stored"),
        "repeated": run.count("repeated") + run.count("conflict"),
        "suppressed": dict(run.suppressed),
        "unpublished": run.unpublished,
        "arms": {arm.name: _arm(arm) for arm in run.arms},
        "keys": [signal.client_order_id for signal in run.posted if signal.decision.is_sent],
    }
    log.info("Run completed", extra={name: value for name, value in reply.items() if name != "run"})
    counts: dict[str, float] = {
        "RunsCompleted": 1,
        "SignalsSent": reply["sent"],
        "SymbolsSkipped": len(run.skipped),
    }
    if run.invalid_parameters is not None:
        counts["ParametersInvalid"] = 1
    emit_counts(dependencies.metrics(), counts)
    return reply


def _arm(arm: ArmRun) -> dict[str, Any]:
    return {
        "snapshot_id": str(arm.snapshot.snapshot_id),
        "symbols_seen": arm.seen,
        "sent": arm.count("stored"),
        "suppressed": dict(arm.suppressed),
    }
