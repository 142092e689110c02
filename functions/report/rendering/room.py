"""How much of everything a mail shows: less where there is so much that a mail program would cut it off."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True, slots=True)
class Room:
    """How many of each thing at most. What has no room is counted, and is in the CSV files or the ledger."""

    advice: int = 8
    currencies: int = 4
    lots: int = 3
    rows: int = 8
    folded: int = 4
    comparisons: int = 5
    phrases: int = 6
    changes: int = 5
    late: int = 5
    linked: int = 5
    unlinked: int = 10
    harmless: int = 3
    snapshots: int = 12
    bots: int = 12
    pictures: int = 4

    def halved(self) -> Self:
        """Return half the room, at least one of each."""
        return type(self)(*(max(1, getattr(self, field.name) // 2) for field in fields(self)))
