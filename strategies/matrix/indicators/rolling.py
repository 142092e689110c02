"""Means, deviations and extremes of the last bars. Arrays have the shape (bars, symbols).

Only element-wise operations touch the data, never a reduction along an axis: numpy sums in an order that
depends on the shape, and a symbol's value must not depend on which others are computed with it.
Bars that a series cannot know yet are NaN. A comparison with NaN is false, so nothing fires on them.
``keep`` asks for the last so many bars only, which are the same to the bit.
"""

from __future__ import annotations

import numpy as np

from linkage.strategy.arrays import Floats


def rolling_mean(values: Floats, period: int, *, keep: int | None = None) -> Floats:
    """Return the mean of the last ``period`` bars."""
    values = needed(values, period - 1, keep)
    result = np.full_like(values, np.nan)
    count = len(values) - period + 1
    if count > 0:
        total = result[period - 1 :]
        total[:] = values[:count]
        for offset in range(1, period):
            total += values[offset : offset + count]
        total /= period
    return kept(result, keep)


def rolling_deviation(values: Floats, period: int, *, keep: int | None = None) -> Floats:
    """Return the population standard deviation of the last ``period`` bars, in two passes."""
    values = needed(values, period - 1, keep)
    result = np.full_like(values, np.nan)
    count = len(values) - period + 1
    if count > 0:
        mean = rolling_mean(values, period)[period - 1 :]
        difference = np.empty_like(mean)
        total = result[period - 1 :]
        total[:] = 0.0
        for offset in range(period):
            np.subtract(values[offset : offset + count], mean, out=difference)
            np.multiply(difference, difference, out=difference)
            total += difference
        total /= period
        np.sqrt(total, out=total)
    return kept(result, keep)


def previous_highest(values: Floats, period: int, *, keep: int | None = None) -> Floats:
    """Return the greatest value of the ``period`` bars before each bar, the bar itself left out."""
    values = needed(values, period, keep)
    result = np.full_like(values, np.nan)
    count = len(values) - period
    if count > 0:
        highest = result[period:]
        highest[:] = values[:count]
        for offset in range(1, period):
            np.maximum(highest, values[offset : offset + count], out=highest)
    return kept(result, keep)


def needed(values: Floats, before: int, keep: int | None) -> Floats:
    """Return the last bars from which the ones to keep follow, each from ``before`` bars before it."""
    return values if keep is None else values[max(0, len(values) - keep - before) :]


def kept(values: Floats, keep: int | None) -> Floats:
    return values if keep is None else values[max(0, len(values) - keep) :]


def bars_ago(values: Floats, bars: int) -> Floats:
    """Return the values so many bars before the last, NaN where there is no such bar; shape (symbols,)."""
    return values[-1 - bars] if bars < len(values) else np.full(values.shape[1:], np.nan)
