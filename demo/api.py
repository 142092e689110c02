"""Posts to the deployed API, as a bot or as our own strategy would."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import urllib3

from linkage.domain.errors import DeliveryError
from linkage.domain.webhook_signature import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from linkage.ports.clock import Clock

_STILL_TO_COME = (429, 500, 502, 503, 504)
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API answered; ``document`` is its JSON."""

    status: int
    document: Mapping[str, Any]


class Api:
    """The HTTP API of a deployment.

    Args:
        url: its base, without a trailing slash.
        keys: secrets of the signed route, the current one first.
        clock: for the signature's time.
    """

    def __init__(self, url: str, *, keys: Sequence[bytes], clock: Clock) -> None:
        self.url = url
        self._keys = keys
        self._clock = clock
        self._pool = urllib3.PoolManager(
            maxsize=4, timeout=urllib3.Timeout(connect=5, read=45), retries=urllib3.Retry(0)
        )

    def post_as_bot(self, path: str, body: bytes, token: str) -> Reply:
        """Post with a bot's bearer token; repeated as bots do when no final answer comes."""
        return self._post(path, body, lambda: {"authorization": f"Bearer {token}"})

    def post_signed(self, path: str, document: Mapping[str, Any]) -> Reply:
        """Post a document on the signed route."""
        body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        message_id = f"msg_{uuid4().hex}"

        def headers() -> dict[str, str]:
            now = int(self._clock.now().timestamp())
            return {
                ID_HEADER: message_id,
                TIMESTAMP_HEADER: str(now),
                SIGNATURE_HEADER: sign(message_id, now, body, self._keys[:1]),
            }

        return self._post(path, body, headers)

    def _post(self, path: str, body: bytes, headers: Any) -> Reply:
        last = "no answer"
        for _ in range(_ATTEMPTS):
            try:
                response = self._pool.request(
                    "POST",
                    self.url + path,
                    body=body,
                    headers={"content-type": "application/json", **headers()},
                    redirect=False,
                )
            except urllib3.exceptions.HTTPError as error:
                last = type(error).__name__
                continue
            if response.status not in _STILL_TO_COME:
                return Reply(response.status, _document(response.data))
            last = f"{response.status} {response.data[:200].decode(errors='replace')}"
        raise DeliveryError(f"POST {path} got no final answer in {_ATTEMPTS} attempts: {last}")


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
