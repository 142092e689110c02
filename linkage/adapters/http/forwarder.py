"""Passes a received body on over HTTP: once, unchanged, and never to where a redirect points."""

from __future__ import annotations

from collections.abc import Mapping

import urllib3

from linkage.domain.errors import DeliveryError, RefusedError

_TRY_AGAIN = (408, 425, 429)
_CONNECT_SECONDS = 2.0


class HttpForwarder:
    """``Forwarder`` over urllib3, without retries: the sender's own retries are enough.

    Args:
        timeout_seconds: for the whole call, connecting included.
    """

    def __init__(self, *, timeout_seconds: float) -> None:
        connect = min(_CONNECT_SECONDS, timeout_seconds)
        timeout = urllib3.Timeout(connect=connect, total=timeout_seconds)
        self._pool = urllib3.PoolManager(num_pools=8, timeout=timeout, retries=False)

    def forward(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Post the body once; see ``ports.forwarding.Forwarder``."""
        try:
            response = self._pool.request(
                "POST", url, body=body, headers=dict(headers), redirect=False, preload_content=False
            )
            response.close()
        except urllib3.exceptions.HTTPError as error:
            raise DeliveryError(f"the receiver gave no answer: {type(error).__name__}") from None
        if response.status in _TRY_AGAIN or response.status >= 500:
            raise DeliveryError(f"the receiver answered {response.status}")
        if not 200 <= response.status < 300:
            raise RefusedError(f"the receiver answered {response.status}", response.status)
