"""Wherever a row is shown, its intervals hold the truth as often as they should."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from linkage.domain.performance import Observation
from linkage.inference.clusters import clusters, effective_number
from linkage.inference.intervals import mean_interval
from linkage.inference.rules import Rules
from linkage.inference.summary import summarise
from tests.proofs.counting import tally
from tests.proofs.simulated_sets import SHAPES, Floats, results

ROWS = int(os.environ.get("LINKAGE_PROOF_ROWS", "25"))
"""How many rows are invented of each shape and size; the full size is 1,000."""

SIZES = (30, 50, 80, 100, 150, 200, 300)
WIN_RATES = {"target and stop": 4.5 / 8, "few big wins": 0.30854, "many small wins": 0.95}
START = datetime(2026, 1, 1, tzinfo=UTC)
RULES = Rules(resamples=499)
LEAST = 0.9


def episodes(values: Floats, opened: Sequence[int], closed: Sequence[int]) -> list[Observation]:
    return [
        Observation(
            str(number),
            START + timedelta(minutes=int(start)),
            START + timedelta(minutes=int(end)),
            Decimal(f"{value:.8f}"),
            Decimal(100),
            "USDT",
        )
        for number, (value, start, end) in enumerate(zip(values, opened, closed, strict=True))
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_nominal_95_per_cent_cover_at_least_90_wherever_a_row_is_shown(shape: str) -> None:
    shown: Counter[int] = Counter()
    held: dict[str, Counter[int]] = {"mean": Counter(), "win rate": Counter()}
    for size in SIZES:
        chance = np.random.default_rng([size, SHAPES.index(shape)])
        for _ in range(ROWS):
            values = results(chance, shape, size)
            hours = range(0, 60 * size, 60)
            (row,) = summarise(
                episodes(values, hours, [hour + 50 for hour in hours]), by=(), at=START, rules=RULES
            )
            if row.standing == "insufficient data":
                continue
            shown[size] += 1
            held["mean"][size] += row.per_unit is not None and 0.0 in row.per_unit
            held["win rate"][size] += row.win_rate is not None and WIN_RATES[shape] in row.win_rate
    tally(
        "coverage", intervals_shown=2 * shown.total(), held_the_truth=sum(map(Counter.total, held.values()))
    )
    for name, counts in held.items():
        by_size = {size: round(counts[size] / shown[size], 3) for size in SIZES if shown[size]}
        print(f"{shape}, {name}: {counts.total()} of {shown.total()} shown rows; by size {by_size}")
        assert counts.total() >= LEAST * shown.total()
        for size in SIZES:
            if shown[size] >= 200:
                assert counts[size] >= LEAST * shown[size], (name, size)
    assert shown.total() > 0.4 * ROWS


def test_a_bot_that_always_holds_something_is_covered_by_stretches() -> None:
    held, worth = 0, []
    rows = max(40, ROWS // 2)
    for seed in range(rows):
        values, opened, closed = _always_invested(np.random.default_rng(seed))
        numbers = clusters(episodes(values, opened.tolist(), closed.tolist()))
        worth.append(effective_number(numbers))
        interval = mean_interval(values, numbers, rules=RULES)
        held += interval is not None and 0.0 in interval
    naive = sum(
        0.0 not in (mean_interval(values, range(len(values)), rules=RULES) or ())
        for values, _, _ in (_always_invested(np.random.default_rng(seed)) for seed in range(12))
    )
    print(f"always invested: {held} of {rows} covered, worth {np.mean(worth):.0f} observations")
    assert held >= LEAST * rows
    assert min(worth) > 30
    assert naive >= 3


def _always_invested(
    chance: np.random.Generator, *, symbols: int = 5, steps: int = 4000
) -> tuple[Floats, np.ndarray, np.ndarray]:
    """Return results, openings and closings of positions in several symbols that follow one market."""
    market = chance.normal(0, 1, steps).cumsum()
    opened, closed, values = [], [], []
    for _ in range(symbols):
        at = int(chance.integers(0, 40))
        while (end := at + int(chance.uniform(12, 36))) < steps:
            own = chance.normal(0, np.sqrt(end - at))
            values.append(0.8 * (market[end] - market[at]) + 0.6 * own)
            opened.append(at)
            closed.append(end)
            at = end + int(chance.exponential(8))
    return np.array(values), np.array(opened), np.array(closed)
