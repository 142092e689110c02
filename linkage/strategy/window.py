"""The bars that a decision may see: closed ones only, checked, and short gaps bridged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from linkage.ports.market import Candles
from linkage.strategy.arrays import Flags, Floats
from linkage.strategy.candles import last_close
from linkage.strategy.parameters import StrategyParameters

REASONS = ("missing_last_bar", "too_few_bars", "gap", "gaps", "invalid_values", "no_volume")
"""Why a symbol is not traded on, in the order in which it is checked."""

_CACHED = 8_000
"""Values of one array that are checked at a time; with those of the others they fit into the cache."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Window:
    """Bars of the usable symbols, arrays of shape (bars, symbols), the decision's bar last; read only.

    Attributes:
        skipped: symbol to the reason why it is not traded on this time.
    """

    symbols: tuple[str, ...]
    opens: Floats
    highs: Floats
    lows: Floats
    closes: Floats
    volumes: Floats
    skipped: dict[str, str]


def select_window(candles: Candles, parameters: StrategyParameters, now: datetime) -> Window:
    """Return the window that a decision at ``now`` may see.

    A symbol is left out, with its reason, when its last bar is missing or without volume
    (``missing_last_bar``, ``no_volume``), when its window does not begin with a bar (``too_few_bars``),
    when one of its last ``clean_bars`` is missing (``gap``) or too many older ones are (``gaps``), and
    when a value is no price (``invalid_values``). An older gap is bridged by its previous close. The first
    of REASONS that holds is given.
    """
    skipped = dict(candles.refused)
    end = int(last_close(now, parameters.interval_seconds).timestamp())
    starts = end - parameters.interval_seconds * np.arange(parameters.bars, 0, -1, dtype=np.int64)
    columns = np.searchsorted(candles.times, starts)
    found = columns < len(candles.times)
    columns = np.where(found, columns, 0)
    found &= len(candles.times) > 0
    if len(candles.times):
        found &= candles.times[columns] == starts
    symbols = candles.symbols
    if candles.interval_seconds != parameters.interval_seconds:
        skipped.update(dict.fromkeys(symbols, "wrong_interval"))
        return _empty(skipped)
    if not symbols or not found[-1]:
        skipped.update(dict.fromkeys(symbols, "missing_last_bar"))
        return _empty(skipped)

    series = (candles.opens, candles.highs, candles.lows, candles.closes, candles.volumes)
    if found.all():
        # Times ascend, so these bars follow each other: views will do, unless a symbol has to go.
        bars = slice(int(columns[0]), int(columns[0]) + parameters.bars)
        opens, highs, lows, closes, volumes = (values[:, bars] for values in series)
        if _is_clean(opens, highs, lows, closes, volumes):
            arrays = (_transposed(values) for values in (opens, highs, lows, closes, volumes))
            return _window(symbols, arrays, skipped)
    opens, highs, lows, closes, volumes = (_select(values, columns, found) for values in series)
    missing = np.isnan(closes)
    checks = (
        missing[-1],
        missing[0],
        missing[-parameters.clean_bars :].any(axis=0),
        missing.sum(axis=0) > parameters.max_bridged * parameters.bars,
        (invalid_bars(opens, highs, lows, closes, volumes) & ~missing).any(axis=0),
        volumes[-1] == 0,
    )
    usable = np.ones(len(symbols), dtype=bool)
    for reason, failed in zip(REASONS, checks, strict=True):
        for column in np.flatnonzero(failed & usable):
            skipped[symbols[column]] = reason
        usable &= ~failed
    keep = np.flatnonzero(usable)
    opens, highs, lows, closes, volumes = (
        np.ascontiguousarray(values[:, keep]) for values in (opens, highs, lows, closes, volumes)
    )
    bridge(opens, highs, lows, closes, volumes, np.isnan(closes))
    names = tuple(symbols[column] for column in keep)
    return _window(names, (opens, highs, lows, closes, volumes), skipped)


def rows_in_order(values: Floats) -> Floats:
    """Return values of shape (bars, symbols) with the symbols of a bar side by side in memory.

    What goes through time bar by bar reads each bar in one go.
    """
    return values if values.strides[-1] == values.itemsize else np.ascontiguousarray(values)


def _transposed(values: Floats) -> Floats:
    view = values.T
    view.flags.writeable = False
    return view


def _is_clean(opens: Floats, highs: Floats, lows: Floats, closes: Floats, volumes: Floats) -> bool:
    """Tell quickly whether every bar of every symbol is there, valid, and the last one has volume.

    It goes through a few symbols at a time, so that each value is read from memory once.
    """
    symbols, bars = closes.shape
    step = max(1, _CACHED // max(1, bars))
    bound, holds = np.empty((step, bars)), np.empty((step, bars), dtype=bool)
    for first in range(0, symbols, step):
        rows = slice(first, min(first + step, symbols))
        some = slice(0, rows.stop - first)
        low, high, volume = lows[rows], highs[rows], volumes[rows]
        # A comparison with NaN is false, and the least or greatest of values with a NaN is NaN.
        np.minimum(opens[rows], closes[rows], out=bound[some])
        if not np.less_equal(low, bound[some], out=holds[some]).all():
            return False
        np.maximum(opens[rows], closes[rows], out=bound[some])
        if not np.greater_equal(high, bound[some], out=holds[some]).all():
            return False
        if not (low.min() > 0 and high.max() < np.inf and volume.min() >= 0 and volume.max() < np.inf):
            return False
    return bool((volumes[:, -1] > 0).all())


def _select(values: Floats, columns: np.ndarray[tuple[int], np.dtype[np.int64]], found: Flags) -> Floats:
    selected = values[:, columns].T.copy()
    selected[~found] = np.nan
    return selected


def invalid_bars(opens: Floats, highs: Floats, lows: Floats, closes: Floats, volumes: Floats) -> Flags:
    """Tell of each bar whether a value is no price or no volume, or is out of its place; shape as given."""
    lowest = np.minimum(opens, closes)
    highest = np.maximum(opens, closes)
    # A comparison with NaN is false: a bar with a close and without a low is not valid either.
    valid = (lows > 0) & (lows <= lowest) & (highs >= highest) & (highs < np.inf)
    valid &= (volumes >= 0) & (volumes < np.inf)
    return ~valid


def bridge(
    opens: Floats, highs: Floats, lows: Floats, closes: Floats, volumes: Floats, missing: Flags
) -> None:
    """Put the close before into missing bars, with no volume; arrays of shape (bars, symbols), in place."""
    for bar in np.flatnonzero(missing[1:].any(axis=1)) + 1:
        gap = missing[bar]
        before = closes[bar - 1, gap]
        for values in (opens, highs, lows, closes):
            values[bar, gap] = before
        volumes[bar, gap] = 0.0


def _empty(skipped: dict[str, str]) -> Window:
    none = np.empty((0, 0))
    return _window((), [none] * 5, skipped)


def _window(symbols: tuple[str, ...], arrays: Iterable[Floats], skipped: dict[str, str]) -> Window:
    """Return a window of opens, highs, lows, closes and volumes."""
    opens, highs, lows, closes, volumes = arrays
    return Window(
        symbols=symbols,
        opens=opens,
        highs=highs,
        lows=lows,
        closes=closes,
        volumes=volumes,
        skipped=skipped,
    )
