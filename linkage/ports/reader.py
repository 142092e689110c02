"""The ledger's read side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from linkage.domain.facts import Window


class LedgerReader(Protocol):
    """The ledger's read side. JSON-ready mappings; decimals as strings, times as ISO 8601 in UTC."""

    def rates(self, window: Window) -> Mapping[str, object]:
        """Return the three rates of a window with their counts."""
        ...

    def report(
        self, window: Window, *, by: Sequence[str] | None = None, verdicts: bool = False
    ) -> Mapping[str, object]:
        """Return all that the report of a window shows.

        Args:
            window: of the report.
            by: what the tables of results are by; None for those of the mail.
            verdicts: also compare parameter sets, which takes longer.
        """
        ...

    def trace(self, identifier: str) -> Mapping[str, object] | None:
        """Return one order's whole story, by order id, venue order id or client order id."""
        ...
