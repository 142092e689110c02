"""Rows of a performance table: every metric, what it is worth, and what is still open beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import ceil

import numpy as np

from linkage.domain.performance import (
    Observation,
    OpenPosition,
    OpenTotals,
    Performance,
    measure,
    open_totals,
)
from linkage.inference.clusters import clusters, effective_number
from linkage.inference.intervals import by_cluster, mean_interval, needed_for_means, wilson
from linkage.inference.rules import INSUFFICIENT_DATA, Interval, Rules, Standing
from linkage.inference.sharpe import has_enough_data, probabilistic_sharpe

UNNAMED = "none"
"""The group of what has no such label."""


@dataclass(frozen=True, slots=True)
class PerformanceRow:
    """One group of closed episodes, with what is open of it.

    Attributes:
        group: the values of the labels it is grouped by, in their order.
        mode, currency: never added up over several.
        n_eff: what the episodes are worth, as independent observations.
        standing: what the row may be taken for.
        win_rate, expectancy, per_unit: intervals; None in a row with insufficient data.
        sharpe_above_zero: probability that the true Sharpe ratio is above 0; None unless there is enough.
        more_needed: about how many more episodes until a fixed comparison could show the smallest difference
            worth acting on; 0 if there are as many.
    """

    group: tuple[str, ...]
    mode: str
    currency: str
    performance: Performance
    n_eff: float
    standing: Standing
    win_rate: Interval | None
    expectancy: Interval | None
    per_unit: Interval | None
    sharpe_above_zero: float | None
    more_needed: int
    open: OpenTotals


@dataclass(frozen=True, slots=True)
class FoldedRows:
    """Rows of one mode and currency with insufficient data, as the one line they fold into."""

    mode: str
    currency: str
    rows: int
    n: int
    net_pnl: Decimal
    n_open: int
    open_pnl: Decimal


def summarise(
    episodes: Sequence[Observation],
    *,
    by: Sequence[str],
    at: datetime,
    open_positions: Sequence[OpenPosition] = (),
    capital: Decimal = Decimal(0),
    rules: Rules | None = None,
) -> list[PerformanceRow]:
    """Return a row for each group, most episodes first.

    Args:
        episodes: closed, of any modes and currencies; those make rows of their own.
        by: labels to group by, such as ``("snapshot",)``; none gives one row for each mode and currency.
        at: moment of the marks, for the age of what is open; aware UTC.
        capital: equity before the first episode of a group, for the drawdown's share.
    """
    rules = rules or Rules()
    closed: dict[_Key, list[Observation]] = defaultdict(list)
    still_open: dict[_Key, list[OpenPosition]] = defaultdict(list)
    for episode in episodes:
        closed[_key(episode, by)].append(episode)
    for position in open_positions:
        still_open[_key(position, by)].append(position)
    rows = [
        _row(key, closed.get(key, []), still_open.get(key, []), at, capital, rules)
        for key in closed.keys() | still_open.keys()
    ]
    return sorted(rows, key=lambda row: (row.mode, row.currency, -row.performance.n, -row.open.n, row.group))


def fold(rows: Sequence[PerformanceRow]) -> tuple[list[PerformanceRow], list[FoldedRows]]:
    """Return the rows with enough data, and one line for each mode and currency for the rest."""
    shown = [row for row in rows if row.standing != INSUFFICIENT_DATA]
    rest: dict[tuple[str, str], list[PerformanceRow]] = defaultdict(list)
    for row in rows:
        if row.standing == INSUFFICIENT_DATA:
            rest[row.mode, row.currency].append(row)
    folded = [
        FoldedRows(
            mode=mode,
            currency=currency,
            rows=len(group),
            n=sum(row.performance.n for row in group),
            net_pnl=sum((row.performance.net_pnl for row in group), Decimal(0)),
            n_open=sum(row.open.n for row in group),
            open_pnl=sum((row.open.pnl_at_mark for row in group), Decimal(0)),
        )
        for (mode, currency), group in sorted(rest.items())
    ]
    return shown, folded


_Key = tuple[tuple[str, ...], str, str]


def _key(holding: Observation | OpenPosition, by: Sequence[str]) -> _Key:
    group = tuple(holding.labels.get(name, UNNAMED) for name in by)
    return group, holding.labels.get("mode", UNNAMED), holding.currency


def _row(
    key: _Key,
    episodes: Sequence[Observation],
    positions: Sequence[OpenPosition],
    at: datetime,
    capital: Decimal,
    rules: Rules,
) -> PerformanceRow:
    group, mode, currency = key
    performance = measure(episodes, capital=capital)
    numbers = clusters(episodes)
    n_eff = effective_number(numbers)
    standing = rules.standing(wins=performance.wins, losses=performance.losses, n_eff=n_eff)
    units = [
        (float(unit), number)
        for episode, number in zip(episodes, numbers, strict=True)
        if (unit := episode.per_unit) is not None
    ]
    values, unit_numbers = [unit for unit, _ in units], [number for _, number in units]
    win_rate = expectancy = per_unit = above_zero = None
    if standing != INSUFFICIENT_DATA:
        share = n_eff / performance.n
        decided = performance.wins + performance.losses
        win_rate = wilson(performance.wins * share, decided * share, confidence=rules.confidence)
        expectancy = mean_interval([float(episode.net_pnl) for episode in episodes], numbers, rules=rules)
        per_unit = mean_interval(values, unit_numbers, rules=rules)
    if has_enough_data(n_eff=n_eff, losses=performance.losses):
        sums, sizes = by_cluster(values, unit_numbers)
        above_zero = probabilistic_sharpe(sums / sizes)
    return PerformanceRow(
        group=group,
        mode=mode,
        currency=currency,
        performance=performance,
        n_eff=n_eff,
        standing=standing,
        win_rate=win_rate,
        expectancy=expectancy,
        per_unit=per_unit,
        sharpe_above_zero=above_zero,
        more_needed=_more_needed(values, n_eff, rules),
        open=open_totals(positions, at=at),
    )


def _more_needed(values: Sequence[float], n_eff: float, rules: Rules) -> int:
    deviation = (
        float(np.std(values, ddof=1)) if n_eff >= rules.min_wins_and_losses else rules.default_deviation
    )
    target = max(rules.min_effective, needed_for_means(rules.smallest_difference, deviation, rules=rules))
    # Episodes that come in clusters count for less, and those to come will do so too.
    worth = n_eff / len(values) if values else 1.0
    return max(0, ceil((target - n_eff) / worth))
