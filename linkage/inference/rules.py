"""When a number may be shown, and as what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Standing = Literal["insufficient data", "indicative", "enough"]
INSUFFICIENT_DATA: Standing = "insufficient data"


@dataclass(frozen=True, slots=True)
class Rules:
    """What has to hold before a number is shown or a verdict given.

    Attributes:
        confidence: of every interval, and 1 minus the chance of a false claim over the whole report.
        power: chance to find a difference of ``smallest_difference`` at the printed number of episodes.
        smallest_difference: smallest difference worth acting on, per trade, as a share of the notional.
        default_deviation: of one episode's per-unit result, until there are enough to measure it.
        min_wins_and_losses: of each, below which data is insufficient.
        min_effective: effective episodes below which data is insufficient.
        enough: effective episodes from which a row is more than indicative; verdicts begin here.
        lopsided: share of the rarer of wins and losses below which a row is lopsided.
        min_effective_lopsided: effective episodes below which data is insufficient for a lopsided row.
        resamples: of a bootstrap or a permutation.
    """

    confidence: float = 0.95
    power: float = 0.8
    smallest_difference: float = 0.01
    default_deviation: float = 0.04
    min_wins_and_losses: int = 10
    min_effective: int = 30
    enough: int = 100
    lopsided: float = 0.2
    min_effective_lopsided: int = 200
    resamples: int = 999

    def standing(self, *, wins: int, losses: int, n_eff: float) -> Standing:
        """Return what a row of so many wins, losses and effective episodes may be taken for."""
        rarer = min(wins, losses)
        # Ten large losses among a hundred episodes are as a rule those of a set that has five: what would be
        # shown is the accident. From 200 on such rows are covered as they should be.
        needed = (
            self.min_effective_lopsided if rarer < self.lopsided * (wins + losses) else self.min_effective
        )
        if rarer < self.min_wins_and_losses or n_eff < needed:
            return INSUFFICIENT_DATA
        return "indicative" if n_eff < self.enough else "enough"


@dataclass(frozen=True, slots=True)
class Interval:
    """From low to high, both included."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high
