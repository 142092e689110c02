"""What a strategy's host saves between runs."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class StateStore(Protocol):
    """Where a strategy saves its state between runs, with a version that only its reader may replace.

    Every method raises ``StoreUnavailableError`` when the store is throttled, unreachable or too slow.
    """

    def load(self, strategy: str, arm: str) -> tuple[str | None, int]:
        """Return the state as JSON text and its version; None and 0 when there is none."""
        ...

    def save(self, strategy: str, arm: str, *, body: str, version: int, saved_at: datetime) -> None:
        """Replace the state of this version by the next, which is one more.

        Raises:
            StateChangedError: another version is there.
        """
        ...
