"""Links between orders and signals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from linkage.domain.facts import RecordedOrder, Resolved, Touched
from linkage.domain.ids import OrderId


class LinkResolver(Protocol):
    """Makes links of what is recorded. Every method raises ``LedgerUnavailableError`` as ``LedgerWriter``."""

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
