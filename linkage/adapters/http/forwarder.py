"""Passes a received body on over HTTP: once, unchanged, and never to where a redirect points."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import urllib3

from linkage.domain.errors import DeliveryError, NotSentError, RefusedError

_NOT_TAKEN = (408, 425, 429, 503)
"""Answers by which a receiver says that it did not take the post, and that it may come again."""
_NOT_SENT = (
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.LocationValueError,
)
_CONNECT_SECONDS = 2.0


class HttpForwarder:
    """``Forwarder`` over urllib3, without retries: the sender's own retries are enough.

    Args:
        timeout_seconds: for the whole call, connecting included.
    """

    def __init__(self, *, timeout_seconds: float) -> None:
        connect = min(_CONNECT_SECONDS, timeout_seconds)
        self._timeout = urllib3.Timeout(connect=connect, total=timeout_seconds)
        self._context = ssl.create_default_context()

    def forward(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Post the body once; see ``ports.forwarding.Forwarder``."""
        # A connection of its own: one that the receiver closed while we were frozen would break in the middle
        # of a post, and leave it unknown whether the receiver has it.
        with urllib3.PoolManager(timeout=self._timeout, retries=False, ssl_context=self._context) as pool:
            try:
                response = pool.request(
                    "POST", url, body=body, headers=dict(headers), redirect=False, preload_content=False
                )
                response.close()
            except _NOT_SENT as error:
                raise NotSentError(f"the receiver cannot be reached: {type(error).__name__}") from None
            except urllib3.exceptions.HTTPError as error:
                raise DeliveryError(f"the receiver gave no answer: {type(error).__name__}") from None
        if response.status in _NOT_TAKEN:
            raise NotSentError(f"the receiver answered {response.status}")
        if response.status >= 500:
            raise DeliveryError(f"the receiver answered {response.status}")
        if not 200 <= response.status < 300:
            raise RefusedError(f"the receiver answered {response.status}", response.status)
