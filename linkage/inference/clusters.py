"""Which episodes are one observation of the market, and how many observations that leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from linkage.domain.performance import Observation

STRETCH = 3
"""How many of its longest positions a stretch of an endless chain is long, at least."""


def clusters(episodes: Sequence[Observation]) -> list[int]:
    """Return the number of each episode's cluster, from 0 on in the order of time.

    Episodes that overlap in time, or were entered on one bar, saw one market; so did those that are joined
    by a chain of such. An episode that opens at the moment another closes does not overlap it.

    A bot that always holds something makes one chain without end, which would be one observation for ever.
    So a chain is cut into equal stretches, each at least three times as long as the longest position in it;
    only neighbours at a cut still share some market. Source: E. Carlstein, The use of subseries values for
    estimating the variance, Annals of Statistics 14 (1986) 1171.
    """
    spans = _spans(episodes)
    chains: list[list[int]] = []
    start = until = None
    for index in sorted(range(len(episodes)), key=lambda index: spans[index]):
        opened, closed = spans[index]
        if until is None or not (opened < until or opened == start):
            chains.append([])
            until = closed
        chains[-1].append(index)
        start, until = opened, max(until, closed)
    numbers = [0] * len(episodes)
    number = 0
    for chain in chains:
        stretches = _stretches([spans[index] for index in chain]) if len(chain) > 1 else [0]
        for index, stretch in zip(chain, stretches, strict=True):
            numbers[index] = number + stretch
        number += stretches[-1] + 1
    return _without_gaps(numbers)


def effective_number(numbers: Sequence[int]) -> float:
    """Return how many independent observations the clusters are worth: (Σ m)² ÷ Σ m² over their sizes m.

    As many as there are clusters if all have one size, fewer if a few hold most; never more than episodes.
    Source: L. Kish, Survey Sampling (1965), the effective sample size of unequal weights.
    """
    sizes = Counter(numbers).values()
    return sum(sizes) ** 2 / sum(size**2 for size in sizes) if sizes else 0.0


def _spans(episodes: Sequence[Observation]) -> list[tuple[datetime, datetime]]:
    """Return from when to when each episode, and all that were entered on its bar, were open."""
    bars: dict[datetime, tuple[datetime, datetime]] = {}
    for episode in episodes:
        if episode.entry_bar is not None:
            opened, closed = bars.get(episode.entry_bar, (episode.opened_at, episode.closed_at))
            bars[episode.entry_bar] = (min(opened, episode.opened_at), max(closed, episode.closed_at))
    return [
        bars[episode.entry_bar] if episode.entry_bar is not None else (episode.opened_at, episode.closed_at)
        for episode in episodes
    ]


def _stretches(spans: Sequence[tuple[datetime, datetime]]) -> list[int]:
    """Return the number of each span's stretch, for a chain in the order of time."""
    first = spans[0][0]
    length = spans[-1][0] - first
    longest = max(closed - opened for opened, closed in spans)
    count = length // (STRETCH * longest) if longest > timedelta(0) else 1
    if count < 2:
        return [0] * len(spans)
    return [min(int(count * ((opened - first) / length)), count - 1) for opened, _ in spans]


def _without_gaps(numbers: Sequence[int]) -> list[int]:
    order = {number: rank for rank, number in enumerate(sorted(set(numbers)))}
    return [order[number] for number in numbers]
