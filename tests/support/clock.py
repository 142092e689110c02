"""A clock that stands still until a test moves it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class FrozenClock:
    """A ``Clock`` that tells the time it was given."""

    moment: datetime = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the moment."""
        return self.moment

    def advance(self, step: timedelta) -> None:
        """Move on."""
        self.moment += step
