"""A stand-in for the paper broker's store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from linkage.domain.errors import StateChangedError
from linkage.ports.paper import PaperItem


@dataclass
class FakePaperStore:
    """A ``PaperStore`` in a dictionary."""

    kept: dict[str, tuple[str, int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.kept)

    def __contains__(self, name: object) -> bool:
        return name in self.kept

    def add(self, name: str, *, body: str, stored_at: datetime) -> bool:
        """See ``ports.paper.PaperStore``."""
        if name in self.kept:
            return False
        self.kept[name] = (body, 1)
        return True

    def items(self) -> Sequence[PaperItem]:
        """See ``ports.paper.PaperStore``."""
        return [PaperItem(name, body, version) for name, (body, version) in self.kept.items()]

    def save(self, name: str, *, body: str, version: int, stored_at: datetime) -> None:
        """See ``ports.paper.PaperStore``."""
        if self.kept.get(name, ("", 0))[1] != version:
            raise StateChangedError(name)
        self.kept[name] = (body, version + 1)

    def remove(self, name: str) -> None:
        """See ``ports.paper.PaperStore``."""
        self.kept.pop(name, None)
