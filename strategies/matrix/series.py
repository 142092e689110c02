"""The decisions of many bars at once, for backtests: exactly those that ``decide`` makes bar by bar.

A decision sees the last ``bars`` bars, and Wilder's and exponential means begin with the first of them. So
each bar has a window of its own. The windows of neighbouring bars lie one bar apart in memory: a row of
all symbols at one bar, continued into the next bars' rows, is a row of as many windows. The indicators
are computed over such rows as if each window were one more symbol.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from linkage.ports.market import Candles
from linkage.strategy.arrays import Flags, Floats
from linkage.strategy.decisions import Decided
from linkage.strategy.state import StrategyState
from linkage.strategy.window import REASONS, Window, bridge, invalid_bars
from strategies.matrix.engine import choose, promising
from strategies.matrix.parameters import Parameters
from strategies.matrix.scoring import read_indicators

_AT_ONCE = 4_000
"""Windows that are computed at a time; their values at one bar fit into the cache."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Series:
    """All bars, arrays of shape (bars, symbols) without holes.

    Attributes:
        reasons: position in REASONS, plus one, of why a symbol cannot be traded on at the window's last
            bar; zero where it can. Only from the first full window on.
    """

    highs: Floats
    lows: Floats
    closes: Floats
    volumes: Floats
    reasons: NDArray[np.int8]

    def windows(self, parameters: Parameters, first: int, count: int, symbols: tuple[str, ...]) -> Window:
        """Return the windows that end at so many bars from the first, one after the other."""
        rows = slice(first - parameters.bars + 1, first + count)
        highs, lows, closes, volumes = (
            np.lib.stride_tricks.sliding_window_view(values[rows].reshape(-1), count * len(symbols))[
                :: len(symbols)
            ]
            for values in (self.highs, self.lows, self.closes, self.volumes)
        )
        return Window(
            symbols=symbols * count, opens=closes, highs=highs, lows=lows, closes=closes, volumes=volumes,
            skipped={},
        )  # fmt: skip


def walk(candles: Candles, state: StrategyState, parameters: Parameters) -> Iterator[Decided]:
    """Yield what ``decide`` gives at each bar with a full window, in order of time; see ``Strategy.walk``.

    There is at least one symbol: windows of nothing cannot be laid out.
    """
    symbols, last = candles.symbols, len(candles.times)
    series = _prepare(candles, parameters)
    step = max(1, _AT_ONCE // len(symbols))
    for first in range(parameters.bars - 1, last, step):
        count = min(step, last - first)
        window = series.windows(parameters, first, count, symbols)
        reasons = series.reasons[first : first + count]
        readings = read_indicators(window, parameters)
        columns = np.flatnonzero(promising(readings, parameters) & (reasons == 0).reshape(-1))
        ends = np.searchsorted(columns, np.arange(count + 1) * len(symbols))
        for bar in range(count):
            closed = datetime.fromtimestamp(int(candles.times[first + bar]) + candles.interval_seconds, UTC)
            decisions = choose(
                window,
                readings,
                [int(column) for column in columns[ends[bar] : ends[bar + 1]]],
                state,
                candles.spreads,
                parameters,
                closed,
            )
            left_out = np.flatnonzero(reasons[bar])
            skipped = {symbols[column]: REASONS[reasons[bar, column] - 1] for column in left_out}
            decided = Decided.after(
                decisions,
                state=state,
                closed=closed,
                seen=len(symbols) - len(left_out),
                skipped={**candles.refused, **skipped},
            )
            state = decided.state
            yield decided


def _prepare(candles: Candles, parameters: Parameters) -> _Series:
    opens, highs, lows, closes, volumes = (
        np.array(values.T, order="C")
        for values in (candles.opens, candles.highs, candles.lows, candles.closes, candles.volumes)
    )
    missing = np.isnan(closes)
    invalid = invalid_bars(opens, highs, lows, closes, volumes) & ~missing
    reasons = _reasons(missing, invalid, volumes, parameters)
    # What was there before the first bar, and in place of an invalid one, is in no window that is used.
    bad = missing | invalid
    if len(closes):
        for values in (opens, highs, lows, closes):
            values[0, bad[0]] = 1.0
        volumes[0, bad[0]] = 0.0
    bridge(opens, highs, lows, closes, volumes, bad)
    return _Series(highs=highs, lows=lows, closes=closes, volumes=volumes, reasons=reasons)


def _reasons(missing: Flags, invalid: Flags, volumes: Floats, parameters: Parameters) -> NDArray[np.int8]:
    """Return the first reason against each symbol at each bar, as ``select_window`` finds it."""
    bars = parameters.bars
    starts = np.zeros_like(missing)
    starts[bars - 1 :] = missing[: max(0, len(missing) - bars + 1)]
    holes = _counts(missing, bars)
    checks = (
        missing,
        starts,
        _counts(missing, min(parameters.clean_bars, bars)) > 0,
        holes > parameters.max_bridged * bars,
        _counts(invalid, bars) > 0,
        volumes == 0,
    )
    reasons = np.zeros(missing.shape, dtype=np.int8)
    for position, failed in reversed(tuple(enumerate(checks, start=1))):
        reasons[failed] = position
    return reasons


def _counts(flags: Flags, bars: int) -> NDArray[np.int64]:
    """Return how many of the last ``bars`` flags are set, at each bar."""
    total = np.cumsum(flags, axis=0, dtype=np.int64)
    total[bars:] -= total[:-bars].copy()
    return total
