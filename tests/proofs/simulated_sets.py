"""Ledgers of parameter sets whose worth is known, as arrays, and the days on which a claim is possible.

A ledger has clusters (some of a cluster's episodes came to the same), shocks that all sets of a period share,
and skewed results. A report that is looked at every evening sees all episodes closed so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, sqrt

import numpy as np
import numpy.typing as npt

from linkage.inference.comparison import Comparison, compare_records, level_of
from linkage.inference.records import Record, Spell
from linkage.inference.rules import Rules
from linkage.inference.sequences import radius

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]

DEVIATION = 0.04
DAY = 86_400.0
SHAPES = ("target and stop", "few big wins", "many small wins")
EPISODES_A_DAY = 40
EMPTY = np.zeros(0)


def results(chance: np.random.Generator, shape: str, count: int) -> Floats:
    """Return results with a mean of 0, of one of the shapes that retail strategies have."""
    if shape == "target and stop":
        # A target of 3.5 and a stop of 4.5, hit as often as makes them worth nothing.
        return np.where(chance.random(count) < 4.5 / 8, 3.5, -4.5) + chance.normal(0, 0.2, count)
    if shape == "few big wins":
        return np.exp(chance.normal(0, 1, count)) - exp(0.5)
    sizes = np.exp(chance.normal(0, 0.1, count) - 0.005)
    return np.where(chance.random(count) < 0.95, 1.0, -19.0) * sizes


def deviation(shape: str) -> float:
    """Return the standard deviation of a shape's results."""
    return {"target and stop": 3.974, "few big wins": sqrt((exp(1) - 1) * exp(1)), "many small wins": 4.384}[
        shape
    ]


@dataclass(frozen=True)
class Ledger:
    """Episodes in the order of time, the sets in the order in which they were tried; the first is in force.

    Attributes:
        opened: seconds. days: on which they closed. clusters: in the order of time, none over two days.
        arms: which set each belongs to. propensities: chances with which it was drawn; 1 if it was not.
        spells: of each set.
    """

    opened: Floats
    days: Indexes
    clusters: Indexes
    arms: Indexes
    propensities: Floats
    values: Floats
    spells: Sequence[Spell]

    def seen_on(self, day: int) -> list[Record]:
        """Return what the report of an evening reads."""
        return [self._record(arm, day) for arm, spell in enumerate(self.spells) if spell[0] < (day + 1) * DAY]

    def _record(self, arm: int, day: int) -> Record:
        chosen = (self.arms == arm) & (self.days <= day)
        drawn = self.propensities[chosen]
        start, end = self.spells[arm]
        return Record(
            key=str(arm),
            opened=self.opened[chosen],
            values=self.values[chosen],
            weights=np.where(drawn < 1, 1 / drawn, 0.0),
            clusters=self.clusters[chosen],
            spells=[(start, min(end, (day + 1) * DAY))],
            open_since=EMPTY,
            open_values=EMPTY,
            open_weights=EMPTY,
        )


def twenty_arms(seed: int, *, days: int = 120) -> Ledger:
    """Return twenty worthless sets that run as twenty arms from the first day on."""
    chance = np.random.default_rng([1, seed])
    plan = np.full((days, 20), 1 / 20)
    return _drawn(chance, plan)


def challengers(seed: int, *, days: int = 40) -> Ledger:
    """Return a worthless set in force, and nineteen challengers, four at a time."""
    chance = np.random.default_rng([2, seed])
    plan = np.zeros((5 * days, 20))
    for batch in range(5):
        arms = slice(1 + 4 * batch, min(20, 5 + 4 * batch))
        plan[batch * days : (batch + 1) * days, arms] = 1 / 8
    plan[:, 0] = 1 - plan.sum(axis=1)
    return _drawn(chance, plan)


def one_after_the_other(seed: int, *, days: int = 10) -> Ledger:
    """Return twenty worthless sets, each in force on its own, in a market of its own."""
    chance = np.random.default_rng([3, seed])
    return _drawn(chance, np.repeat(np.eye(20), days, axis=0))


def better_arm(seed: int, *, days: int = 120, difference: float = 0.01) -> Ledger:
    """Return two arms, the second of which is truly better, per trade, by so much."""
    chance = np.random.default_rng([4, seed])
    ledger = _drawn(chance, np.full((days, 2), 1 / 2), shape="target and stop")
    return replace(ledger, values=ledger.values + difference * (ledger.arms == 1))


def _drawn(chance: np.random.Generator, plan: Floats, shape: str | None = None) -> Ledger:
    """Return a ledger in which each entry draws its set with the plan's chances of its day."""
    days, sets = plan.shape
    sizes = chance.geometric(0.6, days * EPISODES_A_DAY)
    clusters = np.repeat(np.arange(len(sizes)), sizes)[: days * EPISODES_A_DAY].astype(np.intp)
    day = np.arange(len(clusters)) // EPISODES_A_DAY
    # A cluster ends with its day.
    clusters = np.unique(clusters * (days + 1) + day, return_inverse=True)[1].astype(np.intp)
    drawn = chance.random(len(day))[:, None] > np.cumsum(plan[day], axis=1)
    arms = np.minimum(drawn.sum(axis=1), sets - 1).astype(np.intp)
    shape = shape or SHAPES[chance.integers(len(SHAPES))]
    common = results(chance, shape, int(clusters[-1]) + 1)[clusters]
    own = results(chance, shape, len(day))
    values = np.where(chance.random(len(day)) < 0.5, common, own) * DEVIATION / deviation(shape)
    shocks = chance.normal(0, 0.01, days // 10 + 1)[day // 10]
    traded = [np.flatnonzero(plan[:, arm]) for arm in range(sets)]
    moment = np.arange(len(day)) % EPISODES_A_DAY
    return Ledger(
        opened=day * DAY + moment * (DAY / EPISODES_A_DAY),
        days=day.astype(np.intp),
        clusters=clusters,
        arms=arms,
        propensities=plan[day, arms],
        values=values + shocks,
        spells=[(float(each[0] * DAY), float((each[-1] + 1) * DAY)) for each in traded],
    )


def days_to_look(ledger: Ledger, rules: Rules, *, fixed: float | None = None) -> list[int]:
    """Return the days on which a claim is possible at all: a necessary condition, cheap to compute.

    A claim needs enough episodes of both sides and a sequence that leaves 0 out; the sequence in here is at
    most as wide as the report's, whose error is never less.

    Args:
        fixed: a multiple of the standard error instead of a sequence, to see what that would claim.
    """
    days = int(ledger.days[-1]) + 1
    begun = ledger.days[np.unique(ledger.clusters, return_index=True)[1]]
    last = np.searchsorted(begun, np.arange(days), "right")
    found: set[int] = set()
    for arm in range(1, len(ledger.spells)):
        start, end = ledger.spells[arm]
        if ledger.spells[0][1] <= start:
            continue
        within = (ledger.opened >= start) & (ledger.opened <= end)
        side, base = (_Side(ledger, within & (ledger.arms == each), last) for each in (arm, 0))
        error, difference = _error(side, base), np.abs(side.mean - base.mean)
        counts = side.until(((side.n + base.n) > 0).astype(np.float64))
        enough = np.minimum(side.until(side.n), base.until(base.n)) >= rules.enough
        for day in np.flatnonzero(enough & (difference > 1.9 * error)).tolist():
            at, now = float(counts[day]), float(error[day])
            width = radius(at, now, alpha=level_of(arm, rules)) if fixed is None else fixed * now
            if difference[day] > width:
                found.add(day)
    return sorted(found)


class _Side:
    """The episodes of one set, added up by cluster, and their weighted mean on every evening."""

    def __init__(self, ledger: Ledger, chosen: npt.NDArray[np.bool_], last: Indexes) -> None:
        weights = np.where(chosen, 1 / ledger.propensities, 0.0)
        self._last = last
        self.sums, self.weights, self.n = (
            _by_cluster(ledger, each)
            for each in (weights * ledger.values, weights, chosen.astype(np.float64))
        )
        self.total = self.until(self.weights)
        self.mean: Floats = self.until(self.sums) / np.where(self.total > 0, self.total, np.nan)

    def until(self, column: Floats) -> Floats:
        """Return what a column has added up to on every evening."""
        total: Floats = np.concatenate([[0.0], np.cumsum(column)])[self._last]
        return total


def _by_cluster(ledger: Ledger, column: Floats) -> Floats:
    return np.bincount(ledger.clusters, weights=column).astype(np.float64)


def _error(side: _Side, base: _Side) -> Floats:
    def shared(one: _Side, other: _Side) -> Floats:
        """Return Σ (sum − mean · weight) of one side times that of the other, over the clusters so far."""
        product: Floats = (
            one.until(one.sums * other.sums)
            - one.mean * one.until(one.weights * other.sums)
            - other.mean * one.until(one.sums * other.weights)
            + one.mean * other.mean * one.until(one.weights * other.weights)
        ) / (one.total * other.total)
        return product

    with np.errstate(divide="ignore", invalid="ignore"):
        error: Floats = np.sqrt(shared(side, side) + shared(base, base) - 2 * shared(side, base))
    return error


def first_claim(ledger: Ledger, rules: Rules, verdict: str = "better") -> tuple[int, Comparison] | None:
    """Return the day on which the report first says so, and of what; None if it never does."""
    for day in days_to_look(ledger, rules):
        for comparison in compare_records(ledger.seen_on(day), reference="0", rules=rules):
            if comparison.verdict == verdict:
                return day, comparison
    return None
