"""Posts our own signals to the webhook, signed.

Every attempt has the same body and the same ``webhook-id``, so that an attempt whose answer was lost
has no second effect; the timestamp is each attempt's own.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Literal

import urllib3

from linkage.domain import webhook_signature
from linkage.domain.errors import DeliveryError, RefusedError
from linkage.ports.clock import Clock
from linkage.ports.keys import WebhookKeys
from linkage.ports.sink import SinkReply

ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.2
_TRY_AGAIN = (408, 425, 429)
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class HttpSignalSink:
    """``SignalSink`` over HTTP; safe to use from several threads.

    Args:
        webhook_url: base URL of the API.
        keys: all of them sign, so that a receiver that has not seen the newest one yet still knows one.
        clock: gives the timestamp.
        timeout_seconds: for one attempt.
        attempts: all together.
        pause: waits between two attempts, 0.2 s at first and twice as long each time.
        pool: connections; a pool of its own by default.
    """

    def __init__(
        self,
        webhook_url: str,
        keys: WebhookKeys,
        clock: Clock,
        *,
        timeout_seconds: float = 5.0,
        attempts: int = ATTEMPTS,
        pause: Callable[[float], None] = time.sleep,
        pool: urllib3.PoolManager | None = None,
    ) -> None:
        self._url = f"{webhook_url.rstrip('/')}/v1/sighook/signals"
        self._keys = keys
        self._clock = clock
        self._timeout = urllib3.Timeout(connect=min(2.0, timeout_seconds), total=timeout_seconds)
        self._attempts = attempts
        self._pause = pause
        self._pool = pool or urllib3.PoolManager(maxsize=16)

    def post(self, body: Mapping[str, object]) -> SinkReply:
        """Post one canonical signal; see ``ports.sink.SignalSink``."""
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False, default=str).encode()
        message_id = _message_id(body, text)
        problem = ""
        renewed = False
        for attempt in range(self._attempts):
            if attempt:
                self._pause(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                response = self._send(message_id, text)
            except urllib3.exceptions.HTTPError as error:
                problem = type(error).__name__
                continue
            status = response.status
            if 200 <= status < 300:
                return SinkReply(_outcome(response))
            if status == 409:
                return SinkReply("conflict")
            problem = f"status {status}"
            if status == 401 and not renewed and self._keys.refresh():
                renewed = True
            elif status not in _TRY_AGAIN and status < 500:
                raise RefusedError(f"the webhook refused a signal: {_detail(response)}", status)
        raise DeliveryError(f"the webhook gave no answer in {self._attempts} attempts: {problem}")

    def _send(self, message_id: str, body: bytes) -> urllib3.BaseHTTPResponse:
        timestamp = int(self._clock.now().timestamp())
        signature = webhook_signature.sign(message_id, timestamp, body, self._keys.current())
        return self._pool.request(
            "POST",
            self._url,
            body=body,
            headers={
                "content-type": "application/json",
                webhook_signature.ID_HEADER: message_id,
                webhook_signature.TIMESTAMP_HEADER: str(timestamp),
                webhook_signature.SIGNATURE_HEADER: signature,
            },
            timeout=self._timeout,
            retries=False,
            redirect=False,
        )


def _message_id(body: Mapping[str, object], text: bytes) -> str:
    key = str(body.get("client_order_id") or "")
    return key if _MESSAGE_ID.fullmatch(key) else hashlib.sha256(text).hexdigest()


def _outcome(response: urllib3.BaseHTTPResponse) -> Literal["stored", "repeated"]:
    outcome = _document(response).get("outcome")
    return "repeated" if outcome == "repeated" else "stored"


def _detail(response: urllib3.BaseHTTPResponse) -> str:
    document = _document(response)
    reasons = [str(document[name]) for name in ("field", "detail") if document.get(name)]
    return ": ".join(reasons) or f"status {response.status}"


def _document(response: urllib3.BaseHTTPResponse) -> Mapping[str, object]:
    try:
        document = json.loads(response.data)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
