"""Entry point of the webhook: requests of the HTTP API."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any

from functions.webhook import dependencies, service
from functions.webhook.http import check_content, problem_of, problem_reply, request_of
from functions.webhook.routes import HEALTH, Reply, health, route_of
from linkage.domain.errors import LinkageError
from linkage.domain.strict_json import parse_json
from linkage.runtime.observability import emit_counts


def receive(event: Mapping[str, Any], _context: object) -> Reply:
    """Serve one request. Nothing raised leaves this function: every refusal is a problem document."""
    place = bot_id = ""
    try:
        request = request_of(event)
        if request.path == HEALTH:
            return health(request)
        place, use_case, limit = route_of(request)
        check_content(request, limit=limit)
        sender = service.identify(request.headers, request.body, dependencies.ports())
        bot_id = sender.bot_id
        return use_case(request, sender, parse_json(request.body))
    except Exception as error:  # noqa: BLE001 - the edge: what gets past here is an answer without a reason
        return _refuse(error, place, bot_id)


def _refuse(error: Exception, place: str, bot_id: str) -> Reply:
    problem = problem_of(error)
    fields = {
        "status_code": problem.status,
        "problem": problem.slug,
        "field": problem.field,
        "route": place,
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
