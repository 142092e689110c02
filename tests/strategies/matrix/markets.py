"""Small markets, bar by bar, for the strategy's tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from linkage.ports.market import Candles
from linkage.strategy.arrays import Floats
from linkage.strategy.window import Window, select_window
from strategies.matrix.parameters import Parameters

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
INTERVAL = 300
Row = tuple[float, float, float, float, float]


def later(bars: int) -> datetime:
    """Return noon plus so many bars."""
    return NOON + timedelta(seconds=INTERVAL * bars)


def candles_of(rows: Mapping[str, Sequence[Row]], *, end: datetime = NOON) -> Candles:
    """Return candles from equally long rows of open, high, low, close, volume; the last ends at ``end``."""
    names = sorted(rows)
    block = np.array([rows[name] for name in names], dtype=np.float64)
    bars = block.shape[1]
    times = int(end.timestamp()) - INTERVAL * np.arange(bars, 0, -1, dtype=np.int64)
    opens, highs, lows, closes, volumes = (block[:, :, field] for field in range(5))
    return Candles(
        symbols=tuple(names), interval_seconds=INTERVAL, times=times,
        opens=opens, highs=highs, lows=lows, closes=closes, volumes=volumes,
    )  # fmt: skip


def rows_of(closes: Sequence[float], *, wick: float = 0.0, volume: float = 10.0) -> list[Row]:
    """Return bars that go from close to close, with wicks of this length on either side."""
    rows: list[Row] = []
    before = closes[0]
    for close in closes:
        rows.append((before, max(before, close) + wick, min(before, close) - wick, close, volume))
        before = close
    return rows


def window_of(rows: Sequence[Row], parameters: Parameters) -> Window:
    """Return the window of one symbol at noon."""
    return select_window(candles_of({"X-USD": rows}), parameters, NOON)


def block_of(markets: Sequence[Sequence[Row]], bars: int) -> Window:
    """Return the last bars of some markets, side by side, however few they are."""
    block = np.array([rows[-bars:] for rows in markets])
    opens, highs, lows, closes, volumes = (np.ascontiguousarray(block[:, :, field].T) for field in range(5))
    names = tuple(f"S{number}-USD" for number in range(len(markets)))
    return Window(
        symbols=names, opens=opens, highs=highs, lows=lows, closes=closes, volumes=volumes, skipped={}
    )  # fmt: skip


def random_rows(bars: int, seed: int, *, volatility: float = 0.004) -> list[Row]:
    """Return a random walk with random wicks and volumes."""
    random = np.random.default_rng(seed)
    steps = random.standard_t(4, bars) * volatility
    closes: Floats = 100 * np.exp(np.cumsum(steps))
    rows = rows_of([float(close) for close in closes])
    wicks = np.abs(random.normal(0, volatility, (2, bars)))
    return [
        (row[0], row[1] * (1 + up), row[2] * (1 - down), row[3], float(volume))
        for row, up, down, volume in zip(rows, wicks[0], wicks[1], random.uniform(5, 50, bars), strict=True)
    ]
