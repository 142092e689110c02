"""The receiver behind the webhook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Forwarder(Protocol):
    """Passes a received body on to the receiver behind us, unchanged."""

    def forward(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Post the body once.

        Raises:
            ForbiddenAddressError: the receiver is where nothing is passed on to. Nothing was sent.
            NotSentError: the receiver certainly did not take it: it cannot be reached, or said so (408, 425,
                429, 503).
            DeliveryError: no answer in time, or one that leaves it open (other 5xx).
            RefusedError: a final refusal.
        """
        ...
