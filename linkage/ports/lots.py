"""Lots and episodes, derived from orders."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from linkage.domain.facts import LotsMatched


class LotMatcher(Protocol):
    """Derives lots. Every method raises ``LedgerUnavailableError`` when PostgreSQL is unavailable."""

    def match_lots(self, *, seconds: float) -> LotsMatched:
        """Bring lots and episodes up to date with the orders that changed since the last time.

        Args:
            seconds: after which no further part is begun; what is left comes the next time.
        """
        ...

    def rewind_lots(self, since: datetime) -> None:
        """Let the next ``match_lots`` begin with what changed since a moment, aware UTC."""
        ...
