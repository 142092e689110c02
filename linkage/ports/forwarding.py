"""The receiver behind the webhook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Forwarder(Protocol):
    """Passes a received body on to the receiver behind us, unchanged."""

    def forward(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Post the body once.

        Raises:
            DeliveryError: no answer in time, or one that asks to try again (408, 429, 5xx).
            RefusedError: a final refusal.
        """
        ...
