"""The ledger's write side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from linkage.domain.facts import (
    FactBatch,
    KeptEvent,
    LedgerHealth,
    LotsMatched,
    Recorded,
    RecordedOrder,
    Resolved,
    Touched,
    Window,
)
from linkage.domain.ids import OrderId
from linkage.ports.store import HotItem


class TradeLedger(Protocol):
    """The ledger's write side. Every method raises ``LedgerUnavailableError`` when PostgreSQL is away."""

    def record(self, facts: FactBatch) -> Recorded:
        """Step one, in one transaction: insert facts, recompute the orders that they touch."""
        ...

    def resolve(self, touched: Touched) -> Resolved:
        """Step two, in a transaction of its own: resolve links of touched orders, children included."""
        ...

    def unresolved(self, *, limit: int) -> Touched:
        """Return executed orders that are expected to have a link and have none.

        When there are more than ``limit``, the newest are among them, and each of the others at some time.
        """
        ...

    def recorded_since(
        self, start: datetime, *, after: OrderId | None = None, limit: int
    ) -> Sequence[RecordedOrder]:
        """Return the orders first recorded at ``start`` or later, oldest first.

        Args:
            start: aware UTC.
            after: of those recorded at ``start`` itself, only orders with greater ids.
            limit: how many at most.
        """
        ...

    def quarantined(
        self, *, quarantine_id: int | None = None, after: int = 0, limit: int
    ) -> Sequence[KeptEvent]:
        """Return unresolved events of the quarantine by ascending id: one, or those after an id."""
        ...

    def settle(self, quarantine_id: int) -> None:
        """Mark an event of the quarantine as resolved."""
        ...

    def dismiss(self, quarantine_id: int, reason: str) -> bool:
        """Mark an event of the quarantine as never to be taken, with the reason; False if it did not wait."""
        ...

    def keep_trials(self, trials: Sequence[str]) -> int:
        """Add parameter sets that were tried on candles of the past, as JSON; return how many were new.

        Raises:
            InvalidInputError: one of them is no trial; none was added.
        """
        ...

    def missing_facts(self, items: Sequence[HotItem]) -> Sequence[HotItem]:
        """Return those hot items whose facts are not in the ledger, what it cannot look for included."""
        ...

    def match_lots(self, *, seconds: float) -> LotsMatched:
        """Bring lots and episodes up to date with the orders that changed since the last time.

        Args:
            seconds: after which no further part is begun; what is left comes the next time.
        """
        ...

    def rewind_lots(self, since: datetime) -> None:
        """Let the next ``match_lots`` begin with what changed since a moment, aware UTC."""
        ...

    def maintain(self, window: Window) -> LedgerHealth:
        """Do the periodic chores and measure what the alarms need."""
        ...
