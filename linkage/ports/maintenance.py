"""The ledger's periodic chores."""

from __future__ import annotations

from typing import Protocol

from linkage.domain.facts import LedgerHealth, Window


class LedgerMaintenance(Protocol):
    """Maintains and measures the ledger. Raises ``LedgerUnavailableError`` when PostgreSQL is unavailable."""

    def maintain(self, window: Window) -> LedgerHealth:
        """Do the periodic chores and measure what the alarms need."""
        ...
