"""The secrets of the signed route."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class WebhookKeys(Protocol):
    """The secrets of our own signed route, current one first."""

    def current(self) -> Sequence[bytes]:
        """Return all valid secrets.

        Raises:
            StoreUnavailableError: they were never read, and cannot be read now.
        """
        ...

    def refresh(self) -> bool:
        """Read them again unless that was done just now; True when they changed."""
        ...
