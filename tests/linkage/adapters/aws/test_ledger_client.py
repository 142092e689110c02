from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from linkage.adapters.aws.ledger_client import LambdaLedgerReader
from linkage.domain.errors import LedgerUnavailableError
from linkage.domain.facts import Window

WINDOW = Window(datetime(2026, 11, 22, 12, tzinfo=UTC), datetime(2026, 11, 22, 18, tzinfo=UTC))


class Lambda:
    """A Lambda that answers what it was told, or raises it."""

    def __init__(self, answer: object, *, error: bool = False) -> None:
        self.answer, self.error = answer, error
        self.payloads: list[Any] = []

    def invoke(self, **call: Any) -> dict[str, Any]:
        self.payloads.append(json.loads(call["Payload"]))
        if isinstance(self.answer, Exception):
            raise self.answer
        body = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
        failed = {"FunctionError": "Unhandled"} if self.error else {}
        return {"Payload": io.BytesIO(body), **failed}


def test_a_window_travels_as_iso_times_in_utc() -> None:
    function = Lambda({"ok": True, "result": {"modes": []}})
    assert LambdaLedgerReader("read-ledger", function).report(WINDOW) == {"modes": []}
    times = {"start": "2026-11-22T12:00:00Z", "end": "2026-11-22T18:00:00Z"}
    assert function.payloads == [{"op": "report", **times}]


def test_a_trace_of_nothing_is_none() -> None:
    assert LambdaLedgerReader("read-ledger", Lambda({"ok": True, "result": None})).trace("x") is None


@pytest.mark.parametrize(
    "function",
    [
        Lambda({"errorType": "LedgerUnavailableError", "errorMessage": "away"}, error=True),
        Lambda(b"Task timed out", error=True),
        Lambda(b""),
        Lambda([]),
        Lambda({"ok": False}),
        Lambda({"ok": True, "result": None}),
        Lambda(ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")),
        Lambda(ReadTimeoutError(endpoint_url="https://lambda.example.com")),
    ],
)
def test_whatever_goes_wrong_is_an_error_and_never_an_empty_report(function: Lambda) -> None:
    with pytest.raises(LedgerUnavailableError):
        LambdaLedgerReader("read-ledger", function).report(WINDOW)
