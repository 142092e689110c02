"""Parameter sets as arrays, and pairs of them over the episodes that can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import inf, isfinite, nan, sqrt
from typing import Literal

import numpy as np
import numpy.typing as npt

from linkage.domain.facts import Window
from linkage.domain.performance import Observation, OpenPosition
from linkage.inference.clusters import clusters, effective_number
from linkage.inference.intervals import Floats, Numbers

Spell = tuple[float, float]
Booleans = npt.NDArray[np.bool_]
Basis = Literal["interleaved", "not drawn", "disjoint"]


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """One set of parameters and its record.

    Attributes:
        key: its own, such as the snapshot id or the params_hash.
        spells: when it was in force; none means from its first entry to its last.
        market_return: what holding the market made over the spells, as a share; None if unknown.
    """

    key: str
    episodes: Sequence[Observation]
    open_positions: Sequence[OpenPosition] = ()
    spells: Sequence[Window] = ()
    market_return: float | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A set as arrays, one value for each episode, or for each open position.

    Attributes:
        opened, open_since: seconds since 1970.
        values, open_values: per-unit results; those of open positions nan where there is no mark.
        weights, open_weights: inverse chances; 0 where nothing was drawn.
        clusters: numbers that run across all sets of one comparison.
        spells: from and to, seconds since 1970.
    """

    key: str
    opened: Floats
    values: Floats
    weights: Floats
    clusters: Numbers
    spells: Sequence[Spell]
    open_since: Floats
    open_values: Floats
    open_weights: Floats
    market_return: float | None = None


def records(sets: Sequence[ParameterSet]) -> list[Record]:
    """Return the sets as arrays; clusters run across sets, because the market does."""
    episodes = [[episode for episode in compared.episodes if episode.entry_notional] for compared in sets]
    numbers = iter(clusters([episode for of_set in episodes for episode in of_set]))
    return [
        _record(compared, of_set, [next(numbers) for _ in of_set])
        for compared, of_set in zip(sets, episodes, strict=True)
    ]


def _record(compared: ParameterSet, episodes: Sequence[Observation], numbers: Sequence[int]) -> Record:
    opened = _floats([episode.opened_at.timestamp() for episode in episodes])
    spells = [(spell.start.timestamp(), spell.end.timestamp()) for spell in compared.spells]
    if not spells and episodes:
        spells = [(float(opened.min()), float(opened.max()))]
    positions = [position for position in compared.open_positions if position.entry_notional]
    marks = [
        nan if position.pnl_at_mark is None else float(position.pnl_at_mark / position.entry_notional)
        for position in positions
    ]
    return Record(
        key=compared.key,
        opened=opened,
        values=_floats([float(episode.per_unit or 0) for episode in episodes]),
        weights=_floats([_weight(episode.propensity) for episode in episodes]),
        clusters=np.array(numbers, dtype=np.intp),
        spells=spells,
        open_since=_floats([position.opened_at.timestamp() for position in positions]),
        open_values=_floats(marks),
        open_weights=_floats([_weight(position.propensity) for position in positions]),
        market_return=compared.market_return,
    )


class Side:
    """What of a set is compared: a weighted mean, and the influence of each cluster on it."""

    def __init__(self, record: Record, chosen: Booleans, weights: Floats, count: int) -> None:
        self.values, self.weights = record.values[chosen], weights[chosen]
        self.clusters = record.clusters[chosen]
        self.n = len(self.values)
        self.n_eff = effective_number(self.clusters.tolist())
        self.wins, self.losses = int((self.values > 0).sum()), int((self.values < 0).sum())
        total = self.weights.sum()
        self.mean = float(self.weights @ self.values / total) if self.n else nan
        rest = self.values - self.mean
        self.variance = float(self.weights @ rest**2 / total) if self.n else nan
        self.influence: Floats = np.bincount(
            self.clusters, weights=self.weights * rest / total if self.n else None, minlength=count
        ).astype(np.float64)


class Pair:
    """A set and the reference, over the episodes that can be compared.

    Attributes:
        influence: of each cluster on the difference; their squares add up to its variance.
        count: clusters with an episode of either.
    """

    def __init__(self, compared: Record, reference: Record, count: int) -> None:
        spells = _overlap(compared.spells, reference.spells)
        within = [_within(record.opened, spells) for record in (compared, reference)]
        drawn = [
            inside & (record.weights > 0)
            for inside, record in zip(within, (compared, reference), strict=True)
        ]
        self.basis: Basis
        if compared.spells and reference.spells and not any(end > start for start, end in spells):
            self.basis = "disjoint"
            chosen = [np.ones(len(record.values), dtype=np.bool_) for record in (compared, reference)]
        elif all(
            at_random.any() or not inside.any() for at_random, inside in zip(drawn, within, strict=True)
        ):
            self.basis, chosen = "interleaved", drawn
        else:
            self.basis, chosen = "not drawn", within
        weighted = self.basis == "interleaved"
        self.sides = [
            Side(record, episodes, record.weights if weighted else np.ones(len(record.values)), count)
            for record, episodes in zip((compared, reference), chosen, strict=True)
        ]
        side, base = self.sides
        self.difference = side.mean - base.mean
        self.influence = self._influences()
        self.count = len(np.union1d(side.clusters, base.clusters))
        self.error = sqrt(float(self.influence @ self.influence) * self.count / max(1, self.count - 1))
        since = spells[0][0] if spells and self.basis != "disjoint" else -inf
        self.marked_difference = _marked(side, compared, since) - _marked(base, reference, since)

    @property
    def is_known(self) -> bool:
        """Return whether there is a difference, with an error."""
        return isfinite(self.difference) and self.error > 0

    def _influences(self) -> Floats:
        """Return each cluster's influence, with no side thought to be calmer than both are together.

        A set whose rare large losses have not come yet looks calm and good at once. If the sets are worth the
        same, both have the deviation of all their episodes.
        """
        side, base = self.sides
        if not (side.n and base.n):
            return np.zeros(len(side.influence))
        pooled = (side.n * side.variance + base.n * base.variance) / (side.n + base.n)
        factors = [
            sqrt(max(1.0, pooled / compared.variance)) if compared.variance else 1.0
            for compared in self.sides
        ]
        return side.influence * factors[0] - base.influence * factors[1]


def _floats(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=np.float64)


def _weight(propensity: Decimal | None) -> float:
    """Return the inverse of a chance; 0 where nothing was drawn: an arm that always trades is no draw."""
    return 1 / float(propensity) if propensity is not None and 0 < propensity < 1 else 0.0


def _overlap(first: Sequence[Spell], second: Sequence[Spell]) -> list[Spell]:
    common = [
        (max(spell[0], other[0]), min(spell[1], other[1]))
        for spell in first
        for other in second
        if max(spell[0], other[0]) <= min(spell[1], other[1])
    ]
    return sorted(common)


def _within(opened: Floats, spells: Sequence[Spell]) -> Booleans:
    inside: Booleans = np.zeros(len(opened), dtype=np.bool_)
    for start, end in spells:
        inside |= (opened >= start) & (opened <= end)
    return inside


def _marked(side: Side, record: Record, since: float) -> float:
    """Return a side's mean with its open positions as if they were closed at the mark; nan without marks."""
    chosen = record.open_since >= since
    if not chosen.any():
        return side.mean
    usual = float(side.weights.mean()) if side.n else 1.0
    weights = np.where(record.open_weights > 0, record.open_weights, usual)[chosen]
    values = record.open_values[chosen]
    total = side.weights.sum() + weights.sum()
    return float((side.weights @ side.values + weights @ values) / total)
