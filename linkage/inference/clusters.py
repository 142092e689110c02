"""Which episodes are one observation of the market, and how many observations that leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from linkage.domain.performance import Observation


def clusters(episodes: Sequence[Observation]) -> list[int]:
    """Return the number of each episode's cluster, from 0 on in the order of time.

    Episodes that overlap in time, or were entered on one bar, saw one market; so did those that are joined
    by a chain of such. An episode that opens at the moment another closes does not overlap it.
    """
    spans = _spans(episodes)
    found = [0] * len(episodes)
    number = -1
    start = until = None
    for index in sorted(range(len(episodes)), key=lambda each: spans[each]):
        opened, closed = spans[index]
        joined = until is not None and (opened < until or opened == start)
        number += not joined
        found[index] = number
        start, until = opened, max(until, closed) if joined and until is not None else closed
    return found


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
