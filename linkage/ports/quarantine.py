"""Events that could not be recorded, and what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from linkage.domain.facts import QuarantinedEventRow


class Quarantine(Protocol):
    """The ledger's quarantine.

    Every method raises ``LedgerUnavailableError`` when PostgreSQL is unavailable.
    """

    def quarantined(
        self, *, quarantine_id: int | None = None, after: int = 0, limit: int
    ) -> Sequence[QuarantinedEventRow]:
        """Return unresolved events by ascending id: one, or those after an id."""
        ...

    def settle(self, quarantine_id: int) -> None:
        """Mark an event as resolved."""
        ...

    def dismiss(self, quarantine_id: int, reason: str) -> bool:
        """Mark an event as never to be taken, with the reason; False if it did not wait."""
        ...
