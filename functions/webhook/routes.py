"""What each path takes and answers.

A dictionary of six routes does here what powertools' resolver does, for a third of a second less at
each cold start on a small function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from functions.webhook import dependencies, service
from functions.webhook.http import (
    FORWARD_PROBLEMS,
    HttpError,
    Request,
    forward_problem,
    json_reply,
    problem_reply,
)
from linkage import __version__
from linkage.runtime.observability import emit_counts
from linkage.sources.sender import Sender

SIGNAL_LIMIT = 64 * 1024
FILLS_LIMIT = 256 * 1024
FILL_SOURCES = ("generic",)
HEALTH = "/health"

Reply = dict[str, Any]
UseCase = Callable[[Request, Sender, Any], Reply]


def route_of(request: Request) -> tuple[str, UseCase, int]:
    """Return the route's name, what serves it, and how many bytes a body may have.

    Raises:
        HttpError: there is no such path, or not with this method.
    """
    place = request.path.rstrip("/")
    found = _ROUTES.get(place)
    if found is None and place.startswith("/v1/fills/"):
        if place.removeprefix("/v1/fills/") not in FILL_SOURCES:
            raise HttpError(404, "fills are not read from this source", "source")
        place, found = "/v1/fills/{source}", (_fills, FILLS_LIMIT)
    if found is None:
        raise HttpError(404, "there is no such path", "path")
    _allow("POST", request)
    return place, *found


def health(request: Request) -> Reply:
    """Say that the function answers, and which version it is."""
    _allow("GET", request)
    stage = dependencies.settings().stage
    return json_reply(200, {"status": "ok", "stage": stage, "version": __version__})


def _signal(request: Request, sender: Sender, document: Any) -> Reply:
    taken = service.take_signal(
        document, sender, dependencies.ports(), body=request.body, headers=request.headers
    )
    snapshot_id = None if taken.snapshot_id is None else str(taken.snapshot_id)
    told = {
        "bot_id": taken.bot_id,
        "client_order_id": taken.client_order_id,
        "snapshot_id": snapshot_id,
        "symbol": taken.symbol,
    }
    _tell(taken, told)
    problem = forward_problem(taken.forward)
    return problem_reply(problem) if problem else json_reply(200, {"outcome": taken.outcome, **told})


def _tell(taken: service.SignalTaken, told: Mapping[str, Any]) -> None:
    log = dependencies.logger()
    fields = {
        **told,
        "correlation_id": taken.client_order_id,
        "symbol_known": taken.symbol_known,
        "forward": taken.forward,
    }
    counts = {"SignalsStored" if taken.outcome == "stored" else "SignalsRepeated": 1}
    log.info("STRATEGY_CACHE stored" if taken.outcome == "stored" else "Signal repeated", extra=fields)
    if taken.forward == "unmarked":
        log.warning("Forward not remembered", extra=fields)
    if taken.forward in FORWARD_PROBLEMS:
        log.warning("Forward failed", extra=fields)
        counts["ForwardsFailed"] = 1
    emit_counts(dependencies.metrics(), counts)


def _orders(_request: Request, sender: Sender, document: Any) -> Reply:
    return _events(service.take_events(document, sender, dependencies.ports(), default_type="order"))


def _fills(_request: Request, sender: Sender, document: Any) -> Reply:
    return _events(service.take_events(document, sender, dependencies.ports(), default_type="fill"))


def _events(taken: service.EventsTaken) -> Reply:
    refused = [{"index": each.index, "field": each.field, "detail": each.detail} for each in taken.refused]
    fields = {"bot_id": taken.bot_id, "accepted": taken.accepted, "refused": len(refused)}
    dependencies.logger().info("Events queued", extra=fields)
    return json_reply(202, {"accepted": taken.accepted, "quarantined": refused})


def _snapshot(_request: Request, sender: Sender, document: Any) -> Reply:
    taken = service.take_snapshot(document, sender, dependencies.ports())
    told = {"snapshot_id": taken.snapshot_id, "config_hash": taken.config_hash}
    dependencies.logger().info("Snapshot described", extra={"bot_id": taken.bot_id, **told})
    return json_reply(200, {"outcome": taken.outcome, **told})


def _allow(method: str, request: Request) -> None:
    if request.method != method:
        raise HttpError(405, f"only {method} is allowed here", "method", {"allow": method})


_ROUTES: dict[str, tuple[UseCase, int]] = {
    "/webhook": (_signal, SIGNAL_LIMIT),
    "/v1/signals": (_signal, SIGNAL_LIMIT),
    "/v1/orders": (_orders, FILLS_LIMIT),
    "/v1/snapshots": (_snapshot, SIGNAL_LIMIT),
}
