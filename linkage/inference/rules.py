"""When a number may be shown, and as what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Standing = Literal["too few to say", "indicative", "enough"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What has to hold before a number is shown or a verdict given.

    Attributes:
        confidence: of every interval, and 1 minus the chance of a false claim over the whole report.
        power: chance to find a difference of ``smallest_difference`` at the printed number of episodes.
        smallest_difference: smallest difference worth acting on, per trade, as a share of the notional.
        usual_deviation: of one episode's per-unit result, for as long as there are too few to measure it.
        few_each: wins, and losses, below which nothing can be said.
        few: effective episodes below which nothing can be said.
        enough: effective episodes from which a row is more than indicative; verdicts begin here.
        lopsided: share of the rarer of wins and losses below which a row is lopsided.
        few_lopsided: effective episodes below which nothing can be said of a lopsided row.
        resamples: of a bootstrap or a permutation.
    """

    confidence: float = 0.95
    power: float = 0.8
    smallest_difference: float = 0.01
    usual_deviation: float = 0.04
    few_each: int = 10
    few: int = 30
    enough: int = 100
    lopsided: float = 0.2
    few_lopsided: int = 200
    resamples: int = 999

    def standing(self, *, wins: int, losses: int, n_eff: float) -> Standing:
        """Return what a row of so many wins, losses and effective episodes may be taken for."""
        rarer = min(wins, losses)
        # Ten large losses among a hundred episodes are as a rule those of a set that has five: what would be
        # shown is the accident. From 200 on such rows are covered as they should be.
        few = self.few_lopsided if rarer < self.lopsided * (wins + losses) else self.few
        if rarer < self.few_each or n_eff < few:
            return "too few to say"
        return "indicative" if n_eff < self.enough else "enough"


@dataclass(frozen=True, slots=True)
class Interval:
    """From low to high, both included."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high
