"""Refusals as problem documents (RFC 9457): the one table of errors and responses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from functions.webhook.forwarding import Forward
from linkage.domain.errors import (
    InvalidInputError,
    KeyReusedError,
    LinkageError,
    NotAllowedError,
    RetryableError,
    SignatureError,
)
from linkage.domain.strict_json import NotJsonError

PROBLEM_TYPE = "application/problem+json"


class HttpError(LinkageError):
    """A request that fails before any use case sees it."""

    def __init__(
        self, status: int, detail: str, field: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.field = field
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal, as the caller sees it."""

    status: int
    slug: str
    title: str
    detail: str
    field: str
    headers: Mapping[str, str]


_TITLES = {
    400: ("not-json", "The body is not JSON"),
    401: ("unauthorised", "The credential does not hold"),
    403: ("not-allowed", "The bot may not do this"),
    404: ("not-found", "There is nothing here"),
    405: ("method-not-allowed", "The method is not allowed here"),
    409: ("key-reused", "The key is in use with another meaning"),
    413: ("too-large", "The body is too large"),
    415: ("not-json", "The body is not JSON"),
    422: ("invalid", "A field cannot be understood"),
    500: ("defect", "Something is wrong on our side"),
    502: ("receiver-refused", "Stored, but the receiver refused it"),
    503: ("try-again", "Try again"),
}


def problem_of(error: Exception) -> Problem:
    """Return the problem that an error is to the caller: the one table of errors and statuses."""
    match error:
        case HttpError():
            return _problem(error.status, str(error), error.field, error.headers)
        case SignatureError():
            # One answer to every cause: a caller without a credential learns nothing from it.
            detail = "a valid webhook signature or bearer token is required"
            return _problem(401, detail, "authorization", {"www-authenticate": "Bearer"})
        case NotJsonError():
            return _problem(400, str(error), error.field or "body")
        case InvalidInputError():
            return _problem(422, str(error), error.field or "body")
        case NotAllowedError():
            return _problem(403, str(error), error.field)
        case KeyReusedError():
            return _problem(409, str(error), error.field)
        case RetryableError():
            detail = "not all was done; send the same request again"
            return _problem(503, detail, "", {"retry-after": "5"})
        case _:
            return _problem(500, "the request was not served; the cause is in the log", "")


def forward_problem(forward: Forward) -> Problem | None:
    """Return the problem of a signal that is stored, and not known to be at the receiver; None of others."""
    match forward.outcome:
        case "refused":
            detail = f"the signal is stored, but the receiver refused it for good with {forward.status_code}"
            return _problem(502, detail, "forward_url")
        case "forbidden":
            detail = "the signal is stored, but forward_url leads to an address that nothing is passed on to"
            return _problem(502, detail, "forward_url")
        case "turned away":
            detail = "the signal is stored, but the receiver did not take it"
        case "no answer":
            detail = "the signal is stored, but the receiver gave no answer and may have it"
        case "running":
            detail = "the signal is stored, and another post of it waits for the receiver's answer"
        case _:
            return None
    detail += f"; send the same post again after {forward.retry_after} s"
    return _problem(503, detail, "forward_url", {"retry-after": str(forward.retry_after)})


def problem_reply(problem: Problem) -> dict[str, Any]:
    """Return a problem document as a Lambda proxy reply."""
    document: dict[str, Any] = {
        "type": f"urn:linkage:problem:{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.field:
        document["field"] = problem.field
    return {
        "statusCode": problem.status,
        "headers": {"cache-control": "no-store", "content-type": PROBLEM_TYPE, **problem.headers},
        "body": json.dumps(document, separators=(",", ":"), ensure_ascii=False),
    }


def _problem(status: int, detail: str, field: str, headers: Mapping[str, str] | None = None) -> Problem:
    slug, title = _TITLES[status]
    return Problem(status=status, slug=slug, title=title, detail=detail, field=field, headers=headers or {})
