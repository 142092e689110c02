"""What the paper broker saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PaperItem:
    """One item of the paper broker. ``name`` is ``ORDER#<client_order_id>`` or ``BOOK#<symbol>``."""

    name: str
    body: str
    version: int


class PaperStore(Protocol):
    """What the paper broker saves of one account.

    Every method raises ``StoreUnavailableError`` when the store is throttled, unreachable or too slow.
    """

    def add(self, name: str, *, body: str, stored_at: datetime) -> bool:
        """Store an item unless one of this name is there; False then."""
        ...

    def items(self) -> Sequence[PaperItem]:
        """Return every item of the account, read consistently."""
        ...

    def save(self, name: str, *, body: str, version: int, stored_at: datetime) -> None:
        """Replace the item of this version; 0 is none.

        Raises:
            StateChangedError: another version is there.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove an item; nothing happens when it is gone."""
        ...
