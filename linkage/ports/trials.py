"""Parameter sets that were tried outside of a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class TrialRegistry(Protocol):
    """Knows which parameter sets were tried: the more there were, the less the best of them proves."""

    def save_trials(self, trials: Sequence[str]) -> int:
        """Add parameter sets that were tried on candles of the past, as JSON; return how many were new.

        Raises:
            InvalidInputError: one of them is no trial; none was added.
            LedgerUnavailableError: PostgreSQL is unavailable.
        """
        ...
