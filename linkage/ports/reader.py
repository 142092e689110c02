"""The ledger's read side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
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


class OperatorLedgerReader(LedgerReader, Protocol):
    """What an operator's command asks besides, in the same form."""

    def export_columns(self, window: Window) -> Mapping[str, object]:
        """Return how many lots were closed in a window, and which parameters and indicators they have."""
        ...

    def export(self, window: Window, after: tuple[datetime, int] | None = None) -> Mapping[str, object]:
        """Return the next page of lots that were closed in a window.

        Args:
            window: of the closing times.
            after: time and number that the page before ended with; None for the first page.
        """
        ...

    def verify(self) -> Mapping[str, object]:
        """Check the ledger's invariants on everything it holds."""
        ...

    def quarantine(self, *, resolved: bool = False) -> Mapping[str, object]:
        """Return the quarantined events without their bodies, newest first; also resolved ones if asked."""
        ...

    def quarantined(self, quarantine_id: int) -> Mapping[str, object] | None:
        """Return one quarantined event with its body; None when there is no such."""
        ...
