"""The ledger's schema from outside the VPC: by invoking ``migrate``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from linkage.domain.errors import LedgerUnavailableError


class LambdaSchemaMigrator:
    """A ``SchemaMigrator``.

    Args:
        function_name: of ``migrate``.
        client: a boto3 Lambda client whose read time-out is longer than a migration may take.
    """

    def __init__(self, function_name: str, client: Any) -> None:
        self._function = function_name
        self._client = client

    def migrate(self) -> str:
        """Bring the schema up to date; return the outcome."""
        return str(self._invoke({"op": "migrate"})["outcome"])

    def create_roles(self, username: str, password: str) -> None:
        """Create the roles as this login."""
        self._invoke({"op": "create_roles", "master": {"username": username, "password": password}})

    def _invoke(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        reply = self._client.invoke(FunctionName=self._function, Payload=json.dumps(payload).encode())
        body: dict[str, Any] = json.loads(reply["Payload"].read() or b"{}")
        if reply.get("FunctionError"):
            # The message may quote what was sent; its type says enough.
            raise LedgerUnavailableError(f"migrate failed with {body.get('errorType', 'an unknown error')}")
        return body
