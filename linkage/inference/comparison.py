"""Parameter sets compared with a reference: the difference, how sure it is, and a plain verdict.

A claim ("better", "worse") is made only when everything agrees: the sets were drawn at random in the same
periods, a confidence sequence leaves 0 out at a level that all sets ever tried share, so does the shrunken
difference, a permutation by cluster finds the same after Holm's correction, and the open positions, marked to
the market, do not turn the sign. Everything else says why not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite, sqrt
from typing import Literal

import numpy as np

from linkage.domain.errors import InvalidInputError
from linkage.domain.performance import one_currency
from linkage.inference.intervals import SEED, Floats
from linkage.inference.records import Basis, Pair, ParameterSet, Record, records
from linkage.inference.rules import Interval, Rules
from linkage.inference.sequences import needed, radius
from linkage.inference.shrinkage import Shrunken, shrink

Verdict = Literal["better", "worse", "cannot say yet", "cannot separate from the market"]

_CELLS = 4_000_000
_MOST_PERMUTATIONS = 200_000
_ENOUGH_TO_MEASURE = 10


@dataclass(frozen=True, slots=True)
class Comparison:
    """One set against the reference. Differences are per trade, as a share of the entry notional.

    Attributes:
        basis: ``interleaved``: the arms were drawn, in the same periods; ``not drawn``: the periods overlap,
            and nobody drew which set traded; ``disjoint``: they do not overlap.
        reason: why this verdict, one sentence.
        n, n_reference: episodes that were compared. n_eff, n_eff_reference: what they are worth.
        difference, interval: the plain one, and a sequence that holds at every look, over all comparisons.
            None where there is nothing to compare.
        shrunken: the difference and its interval after shrinking together with all other sets.
        p_value: by permutation of clusters, after Holm's correction over all sets tried.
        more_needed: about how many more episodes of this set a verdict takes; None where more do not help.
        market_return, market_return_reference: the market's own, in the periods of each.
    """

    key: str
    reference: str
    basis: Basis
    verdict: Verdict
    reason: str
    n: int
    n_reference: int
    n_eff: float
    n_eff_reference: float
    difference: float | None
    interval: Interval | None
    shrunken: Shrunken | None
    p_value: float | None
    more_needed: int | None
    market_return: float | None
    market_return_reference: float | None

    @property
    def verdict_text(self) -> str:
        """The verdict as it is printed."""
        if self.verdict == "cannot say yet" and self.more_needed:
            return f"cannot say yet (needs about {_about(self.more_needed)} more)"
        return self.verdict


def compare(
    sets: Sequence[ParameterSet], *, reference: str, tried: int | None = None, rules: Rules | None = None
) -> list[Comparison]:
    """Compare each set with the reference, all of them together.

    Args:
        sets: in the order in which they were first tried, the reference among them; closed episodes in one
            currency and one mode.
        reference: key of the set that the others are compared with.
        tried: how many sets were ever tried, backtests included; at least those that are given.
        rules: thresholds, and the smallest difference worth acting on.

    Returns:
        One comparison for each set but the reference, in the given order.

    Raises:
        InvalidInputError: the reference is not among the sets, or they are in several currencies.
    """
    one_currency(episode.currency for compared in sets for episode in compared.episodes)
    return compare_records(records(sets), reference=reference, tried=tried, rules=rules)


def compare_records(
    sets: Sequence[Record], *, reference: str, tried: int | None = None, rules: Rules | None = None
) -> list[Comparison]:
    """Compare sets that are arrays already; see ``compare``."""
    rules = rules or Rules()
    base = next((record for record in sets if record.key == reference), None)
    if base is None:
        raise InvalidInputError(f"set {reference} is not among those to compare", "reference")
    others = [record for record in sets if record is not base]
    count = 1 + max(int(record.clusters.max(initial=-1)) for record in sets)
    pairs = [Pair(compared, base, count) for compared in others]
    comparisons = max(tried or 0, len(sets)) - 1
    # A set keeps its level when later ones are tried, and the levels of any number of sets add up to less
    # than 1 - confidence: a claim of today stays right whatever is tried tomorrow.
    ranks = range(comparisons - len(others) + 1, comparisons + 1)
    judged = [
        _Judged(pair, level_of(rank, rules), estimate, rules)
        for rank, pair, estimate in zip(ranks, pairs, _shrunken(pairs, rules), strict=True)
    ]
    p_values = _adjusted_p_values(judged, comparisons, rules)
    return [
        _comparison(compared, base, candidate, p_value, rules)
        for compared, candidate, p_value in zip(others, judged, p_values, strict=True)
    ]


def level_of(rank: int, rules: Rules) -> float:
    """Return how often the set that was tried as the rank-th may be claimed wrongly; the first is 1."""
    return (1 - rules.confidence) / (rank * (rank + 1))


class _Judged:
    """A pair with everything a verdict looks at but the permutation."""

    def __init__(self, pair: Pair, level: float, shrunken: Shrunken | None, rules: Rules) -> None:
        self.pair, self.level, self.shrunken = pair, level, shrunken
        self.interval: Interval | None = None
        if pair.is_known:
            half = radius(pair.count, pair.error, alpha=level)
            self.interval = Interval(pair.difference - half, pair.difference + half)
        self.has_enough = all(
            rules.standing(wins=side.wins, losses=side.losses, n_eff=side.n_eff) == "enough"
            for side in pair.sides
        )

    @property
    def stands_out(self) -> bool:
        """Return whether nothing but the permutation and the open positions can be against a claim."""
        return (
            self.pair.basis == "interleaved"
            and self.has_enough
            and self.interval is not None
            and 0.0 not in self.interval
            and self.shrunken is not None
            and 0.0 not in self.shrunken.interval
        )

    def more_needed(self, rules: Rules) -> int:
        """Return about how many more episodes of the set a verdict takes."""
        side, base = self.pair.sides
        if min(side.n_eff, base.n_eff) >= _ENOUGH_TO_MEASURE and self.pair.is_known:
            deviation = self.pair.error * sqrt(self.pair.count)
            share = side.n / self.pair.count
        else:
            # Two equal sides without clusters: n each, an error of the default deviation times √(2 ÷ n).
            deviation, share = 2 * rules.default_deviation, 0.5
        total = share * needed(rules.smallest_difference, deviation, alpha=self.level, power=rules.power)
        for compared in self.pair.sides:
            if compared.n:
                total = max(total, side.n * rules.enough / compared.n_eff)
                rare = min(compared.wins, compared.losses)
                total = max(total, side.n * rules.min_wins_and_losses / max(1, rare))
        return max(0, ceil(max(total, rules.enough) - side.n))


def _shrunken(pairs: Sequence[Pair], rules: Rules) -> list[Shrunken | None]:
    known = [pair for pair in pairs if pair.is_known]
    if not known:
        return [None] * len(pairs)
    influences = np.array([pair.influence for pair in known])
    estimates = iter(
        shrink(
            np.array([pair.difference for pair in known]),
            influences @ influences.T,
            scale=rules.smallest_difference,
            confidence=rules.confidence,
        )
    )
    return [next(estimates) if pair.is_known else None for pair in pairs]


def _adjusted_p_values(judged: Sequence[_Judged], comparisons: int, rules: Rules) -> list[float | None]:
    """Return p-values by permutation of clusters, after Holm's correction over so many comparisons.

    Under no difference each cluster might as well have had the opposite influence. Source: A. C. Cameron,
    J. B. Gelbach, D. L. Miller, Review of Economics and Statistics 90 (2008) 414; S. Holm, Scandinavian
    Journal of Statistics 6 (1979) 65.
    """
    known = [index for index, candidate in enumerate(judged) if candidate.pair.is_known]
    resamples = rules.resamples
    if any(judged[index].stands_out for index in known):
        # One in so many has to be small enough to survive the correction.
        least = ceil(2 * comparisons / (1 - rules.confidence))
        resamples = min(max(resamples, least), _MOST_PERMUTATIONS)
    pairs = [judged[index].pair for index in known]
    plain = _permuted(pairs, resamples)
    result: list[float | None] = [None] * len(judged)
    highest = 0.0
    for rank, position in enumerate(np.argsort(plain, kind="stable").tolist()):
        highest = max(highest, min(1.0, float(plain[position]) * (comparisons - rank)))
        result[known[position]] = highest
    return result


def _permuted(pairs: Sequence[Pair], resamples: int) -> Floats:
    if not pairs:
        return np.zeros(0)
    influences = np.array([pair.influence for pair in pairs]).T
    influences = influences[np.any(influences != 0, axis=1)]
    observed = np.array([abs(pair.difference) for pair in pairs])
    # The influences are around each mean and add up to nothing; what counts is how far they get by chance.
    chance = np.random.default_rng(SEED)
    as_far = np.zeros(len(pairs))
    step = max(1, _CELLS // len(influences))
    for first in range(0, resamples, step):
        signs = chance.integers(0, 2, (min(step, resamples - first), len(influences)), dtype=np.int8)
        reached = np.abs((signs.astype(np.float32) * 2 - 1) @ influences.astype(np.float32))
        as_far += (reached >= observed.astype(np.float32)).sum(axis=0)
    return (as_far + 1) / (resamples + 1)


def _comparison(
    compared: Record, base: Record, judged: _Judged, p_value: float | None, rules: Rules
) -> Comparison:
    pair = judged.pair
    side, other = pair.sides
    verdict, reason = _verdict(judged, p_value, rules)
    return Comparison(
        key=compared.key,
        reference=base.key,
        basis=pair.basis,
        verdict=verdict,
        reason=reason,
        n=side.n,
        n_reference=other.n,
        n_eff=side.n_eff,
        n_eff_reference=other.n_eff,
        difference=pair.difference if isfinite(pair.difference) else None,
        interval=judged.interval,
        shrunken=judged.shrunken,
        p_value=p_value,
        more_needed=judged.more_needed(rules) if verdict == "cannot say yet" else None,
        market_return=compared.market_return,
        market_return_reference=base.market_return,
    )


def _verdict(judged: _Judged, p_value: float | None, rules: Rules) -> tuple[Verdict, str]:
    pair = judged.pair
    if pair.basis == "disjoint":
        return (
            "cannot separate from the market",
            "They ran in different periods, and so in different markets.",
        )
    if pair.basis == "not drawn":
        return (
            "cannot separate from the market",
            "They ran at the same time, but which of them traded was not drawn at random.",
        )
    if not judged.has_enough:
        rare = rules.min_wins_and_losses
        reason = f"A verdict takes {rules.enough} effective episodes, {rare} wins and {rare} losses of each."
        return "cannot say yet", reason
    if not judged.stands_out or p_value is None or p_value > 1 - rules.confidence:
        smallest = rules.smallest_difference
        if judged.interval and -smallest < judged.interval.low and judged.interval.high < smallest:
            return "cannot say yet", "If there is a difference, it is smaller than what is worth acting on."
        if judged.more_needed(rules) == 0:
            return "cannot say yet", f"A difference of {smallest:.1%} would most likely have shown by now."
        return "cannot say yet", "The difference may be chance."
    if not pair.marked_difference * pair.difference > 0:
        unknown = not isfinite(pair.marked_difference)
        return (
            "cannot say yet",
            "Open positions have no mark."
            if unknown
            else "Open positions, at the mark, turn the difference.",
        )
    return (
        "better" if pair.difference > 0 else "worse",
        "Drawn at random in the same periods, and more than chance explains at any look.",
    )


def _about(number: int) -> str:
    """Return a number to two digits, because it is no better known than that."""
    step = 10 ** max(0, len(str(number)) - 2)
    return f"{ceil(number / step) * step:,}"
