"""The ledger's read side from outside the VPC: by invoking ``read_ledger``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from linkage.domain.canonical import iso_utc
from linkage.domain.errors import LedgerUnavailableError
from linkage.domain.facts import Window


class LambdaLedgerReader:
    """A ``LedgerReader``. Every failure is ``LedgerUnavailableError``, never an empty answer.

    Args:
        function_name: of ``read_ledger``.
        client: a boto3 Lambda client whose read time-out is longer than that function's.
    """

    def __init__(self, function_name: str, client: Any) -> None:
        self._function = function_name
        self._client = client

    def rates(self, window: Window) -> Mapping[str, object]:
        """Return the three rates of a window with their counts."""
        return self._required({"op": "rates", **_bounds(window)})

    def report(
        self, window: Window, *, by: Sequence[str] | None = None, verdicts: bool = False
    ) -> Mapping[str, object]:
        """Return all that the report of a window shows; see the port."""
        asked: dict[str, object] = {"op": "report", **_bounds(window)}
        if by is not None:
            asked["by"] = list(by)
        if verdicts:
            asked["verdicts"] = True
        return self._required(asked)

    def trace(self, identifier: str) -> Mapping[str, object] | None:
        """Return one order's whole story, by order id, venue order id or client order id."""
        return self._invoke({"op": "trace", "id": identifier})

    def _required(self, payload: Mapping[str, object]) -> Mapping[str, object]:
        result = self._invoke(payload)
        if result is None:
            raise LedgerUnavailableError("read_ledger answered nothing")
        return result

    def _invoke(self, payload: Mapping[str, object]) -> Mapping[str, object] | None:
        try:
            reply = self._client.invoke(FunctionName=self._function, Payload=json.dumps(payload).encode())
            body = json.loads(reply["Payload"].read() or b"null")
        except (ClientError, BotoCoreError, ValueError) as error:
            raise LedgerUnavailableError(f"read_ledger gave no answer: {type(error).__name__}") from error
        if "FunctionError" in reply or not isinstance(body, dict) or body.get("ok") is not True:
            kind = body.get("errorType", "no reason") if isinstance(body, dict) else "no reason"
            raise LedgerUnavailableError(f"read_ledger failed: {kind}")
        result: Mapping[str, object] | None = body.get("result")
        return result


def _bounds(window: Window) -> dict[str, str]:
    return {"start": iso_utc(window.start), "end": iso_utc(window.end)}
