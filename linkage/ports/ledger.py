"""Facts go into the ledger, and it says which are missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from linkage.domain.facts import FactBatch, Recorded
from linkage.ports.store import HotItem


class LedgerWriter(Protocol):
    """Takes facts. Every method raises ``LedgerUnavailableError`` when PostgreSQL is unavailable."""

    def record(self, facts: FactBatch) -> Recorded:
        """Step one, in one transaction: insert facts, recompute the orders that they touch."""
        ...

    def missing_facts(self, items: Sequence[HotItem]) -> Sequence[HotItem]:
        """Return those hot items whose facts are not in the ledger, what it cannot look for included."""
        ...
