"""Entry point of the webhook: requests of the HTTP API, from their event to their reply.

A dictionary of routes does here what powertools' resolver does, for a third of a second less at each cold
start on a small function.
"""

from __future__ import annotations

import base64
import binascii
import json
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from functions.webhook import dependencies, events, service
from functions.webhook.forwarding import FAILED
from functions.webhook.problems import HttpError, forward_problem, problem_of, problem_reply
from linkage import __version__
from linkage.domain.errors import LinkageError, NotAllowedError
from linkage.domain.strict_json import parse_json
from linkage.runtime.observability import emit_counts
from linkage.sources.registry import FILL_SOURCES
from linkage.sources.sender import Sender

SIGNAL_LIMIT = 64 * 1024
FILLS_LIMIT = 256 * 1024
HEALTH = "/health"

_JSON_TYPES = ("application/json", "text/plain", "application/x-www-form-urlencoded", "")
"""TradingView sends JSON as plain text, curl calls everything a form. What it is, its text decides."""

Reply = dict[str, Any]
UseCase = Callable[["Request", Sender, Any], Reply]


@dataclass(frozen=True, slots=True)
class Request:
    """What is used of an HTTP API event, payload format 2.0.

    Attributes:
        path: without the stage's name.
        headers: by lower-case name.
        body: the raw bytes.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def receive(event: Mapping[str, Any], _context: object) -> Reply:
    """Serve one request. Nothing raised leaves this function: every refusal is a problem document."""
    route = bot_id = ""
    try:
        request = _request(event)
        if request.path == HEALTH:
            return _health(request)
        route, use_case, limit = _route(request)
        _check_content(request, limit)
        sender = service.identify(request.headers, request.body, dependencies.ports())
        bot_id = sender.bot_id
        return use_case(request, sender, parse_json(request.body, non_finite=True))
    except Exception as error:  # noqa: BLE001 - the edge: what gets past here is an answer without a reason
        return _refuse(error, route, bot_id)


def _request(event: Mapping[str, Any]) -> Request:
    """Return the request that an event holds.

    Raises:
        HttpError: its body cannot be decoded.
    """
    context = event.get("requestContext") or {}
    http = context.get("http") or {}
    path = str(event.get("rawPath") or http.get("path") or "/")
    stage = context.get("stage") or "$default"
    if stage != "$default" and path.startswith(f"/{stage}/"):
        path = path[len(stage) + 1 :]
    headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    text = event.get("body") or ""
    try:
        body = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode()
    except (binascii.Error, ValueError):
        raise HttpError(400, "the body cannot be decoded", "body") from None
    return Request(str(http.get("method", "")).upper(), path, headers, body)


def _route(request: Request) -> tuple[str, UseCase, int]:
    """Return the route's name, what serves it, and how many bytes a body may have.

    Raises:
        HttpError: there is no such path, or not with this method.
    """
    path = request.path.rstrip("/")
    if path.startswith("/v1/fills/"):
        if path.removeprefix("/v1/fills/") not in FILL_SOURCES:
            raise HttpError(404, "fills are not read from this source", "source")
        path = "/v1/fills/{source}"
    if path not in _ROUTES:
        raise HttpError(404, "there is no such path", "path")
    _allow("POST", request)
    return path, *_ROUTES[path]


def _allow(method: str, request: Request) -> None:
    if request.method != method:
        raise HttpError(405, f"only {method} is allowed here", "method", {"allow": method})


def _check_content(request: Request, limit: int) -> None:
    """Refuse what is too large, or says of itself that it is no JSON.

    Raises:
        HttpError: 413 or 415.
    """
    if len(request.body) > limit:
        raise HttpError(413, f"the body is larger than {limit // 1024} KiB", "body")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HttpError(415, "compressed bodies are not taken", "content-encoding")
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in _JSON_TYPES and not content_type.endswith("+json"):
        raise HttpError(415, "the body has to be JSON", "content-type")


def _health(request: Request) -> Reply:
    """Reply that the function answers, and which version it is."""
    _allow("GET", request)
    stage = dependencies.settings().stage
    return _reply(200, {"status": "ok", "stage": stage, "version": __version__})


def _own_signal(request: Request, sender: Sender, document: Any) -> Reply:
    """Take a signal of our own strategies, whose route no other bot may use up."""
    if not sender.first_party:
        raise NotAllowedError("only linkage's own strategies post here", "path")
    return _signal(request, sender, document)


def _signal(request: Request, sender: Sender, document: Any) -> Reply:
    taken = service.take_signal(
        document, sender, dependencies.ports(), body=request.body, headers=request.headers
    )
    document = {
        "bot_id": taken.bot_id,
        "client_order_id": taken.client_order_id,
        "snapshot_id": None if taken.snapshot_id is None else str(taken.snapshot_id),
        "symbol": taken.symbol,
    }
    _report_signal(taken, document)
    problem = forward_problem(taken.forward) if taken.forward.outcome != "none" else None
    if problem is not None:
        return problem_reply(problem)
    if taken.unreadable:
        document["unreadable"] = dict(taken.unreadable)
    return _reply(200, {"outcome": taken.outcome, **document})


def _report_signal(taken: service.SignalTaken, document: Mapping[str, Any]) -> None:
    log = dependencies.logger()
    fields = {
        **document,
        "correlation_id": taken.client_order_id,
        "symbol_known": taken.symbol_known,
        "forward": taken.forward.outcome,
    }
    counts = {"SignalsStored" if taken.outcome == "stored" else "SignalsRepeated": 1}
    log.info("STRATEGY_CACHE stored" if taken.outcome == "stored" else "Signal repeated", extra=fields)
    if taken.forward.outcome == "unmarked":
        log.warning("Forward not recorded", extra=fields)
    if taken.forward.outcome in FAILED:
        log.warning("Forward failed", extra=fields | {"receiver_status": taken.forward.status_code})
        counts["ForwardsFailed"] = 1
    emit_counts(dependencies.metrics(), counts)


def _orders(_request: Request, sender: Sender, document: Any) -> Reply:
    return _events(events.take_events(document, sender, dependencies.ports(), default_type="order"))


def _fills(_request: Request, sender: Sender, document: Any) -> Reply:
    return _events(events.take_events(document, sender, dependencies.ports(), default_type="fill"))


def _events(taken: events.EventsTaken) -> Reply:
    refused = [
        {"index": event.index, "field": event.field, "detail": event.detail} for event in taken.refused
    ]
    fields = {"bot_id": taken.bot_id, "accepted": taken.accepted, "refused": len(refused)}
    dependencies.logger().info("Events queued", extra=fields)
    # What was not taken comes first, where nobody overlooks it.
    return _reply(202, {"refused": len(refused), "accepted": taken.accepted, "quarantined": refused})


def _snapshot(_request: Request, sender: Sender, document: Any) -> Reply:
    taken = service.take_snapshot(document, sender, dependencies.ports())
    ids = {"snapshot_id": taken.snapshot_id, "config_hash": taken.config_hash}
    dependencies.logger().info("Snapshot described", extra={"bot_id": taken.bot_id, **ids})
    return _reply(200, {"outcome": taken.outcome, **ids})


def _refuse(error: Exception, route: str, bot_id: str) -> Reply:
    problem = problem_of(error)
    fields = {
        "status_code": problem.status,
        "problem": problem.slug,
        "field": problem.field,
        "route": route,
        "bot_id": bot_id,
        "error_type": type(error).__name__,
        # Our own errors say what is wrong and never repeat what was sent; others may.
        "reason": str(error) if isinstance(error, LinkageError) else "",
    }
    if problem.status >= 500:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        fields["raised_at"] = f"{frame.name}:{frame.lineno}"
        dependencies.logger().error("Request failed", extra=fields)
    else:
        dependencies.logger().warning("Request refused", extra=fields)
        emit_counts(dependencies.metrics(), {"RequestsRefused": 1})
    return problem_reply(problem)


def _reply(status: int, document: Mapping[str, Any]) -> Reply:
    return {
        "statusCode": status,
        "headers": {"cache-control": "no-store", "content-type": "application/json"},
        "body": json.dumps(document, separators=(",", ":"), ensure_ascii=False),
    }


_ROUTES: Mapping[str, tuple[UseCase, int]] = {
    "/webhook": (_signal, SIGNAL_LIMIT),
    "/v1/signals": (_signal, SIGNAL_LIMIT),
    "/v1/sighook/signals": (_own_signal, SIGNAL_LIMIT),
    "/v1/orders": (_orders, FILLS_LIMIT),
    "/v1/fills/{source}": (_fills, FILLS_LIMIT),
    "/v1/snapshots": (_snapshot, SIGNAL_LIMIT),
}
