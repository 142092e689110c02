"""How much of everything a mail shows: less where there is so much that a mail program would cut it off."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True, slots=True)
class SectionLimits:
    """How many of each thing a section shows at most; a subclass has a field for each.

    What is over the limit is counted, and is in the CSV files or the ledger.
    """

    def divided(self, divisor: int) -> Self:
        """Return every limit divided, and at least 1."""
        return type(self)(*(max(1, getattr(self, field.name) // divisor) for field in fields(self)))
