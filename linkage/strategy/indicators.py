"""Indicators over arrays of shape (bars, symbols): one pass over time, all symbols side by side.

Only element-wise operations touch the data, never a reduction along an axis: numpy sums in an order that
depends on the shape, and a symbol's value must not depend on which others are computed with it.
Bars that an indicator cannot know yet are NaN. A comparison with NaN is false, so nothing fires on them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Bands(NamedTuple):
    """Bollinger bands, in the quote currency."""

    lower: Floats
    middle: Floats
    upper: Floats


class Macd(NamedTuple):
    """MACD line and signal line, in the quote currency."""

    line: Floats
    signal: Floats


class Pattern(NamedTuple):
    """W-bottom or M-top at the last bar: whether it completed there, and the swing in ATRs."""

    completed: Flags
    swing: Floats


def rolling_mean(values: Floats, period: int) -> Floats:
    """Return the mean of the last ``period`` bars."""
    result = np.full_like(values, np.nan)
    count = len(values) - period + 1
    if count < 1:
        return result
    total = values[:count].copy()
    for offset in range(1, period):
        total += values[offset : offset + count]
    result[period - 1 :] = total / period
    return result


def rolling_deviation(values: Floats, period: int) -> Floats:
    """Return the population standard deviation of the last ``period`` bars, in two passes."""
    result = np.full_like(values, np.nan)
    count = len(values) - period + 1
    if count < 1:
        return result
    mean = rolling_mean(values, period)[period - 1 :]
    total = np.zeros_like(mean)
    for offset in range(period):
        difference = values[offset : offset + count] - mean
        total += difference * difference
    result[period - 1 :] = np.sqrt(total / period)
    return result


def previous_highest(values: Floats, period: int) -> Floats:
    """Return the greatest value of the ``period`` bars before each bar, the bar itself left out."""
    result = np.full_like(values, np.nan)
    count = len(values) - period
    if count < 1:
        return result
    highest = values[:count].copy()
    for offset in range(1, period):
        np.maximum(highest, values[offset : offset + count], out=highest)
    result[period:] = highest
    return result


def bollinger(closes: Floats, period: int, deviations: float) -> Bands:
    """Return mean ± deviations × population standard deviation of the close.

    Source: J. Bollinger, Bollinger on Bollinger Bands (2001), chapter 7.
    """
    middle = rolling_mean(closes, period)
    width = deviations * rolling_deviation(closes, period)
    return Bands(middle - width, middle, middle + width)


def rsi(closes: Floats, period: int) -> Floats:
    """Return the relative strength index, 0 to 100; 50 where the price never moved.

    Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978), section VI: the first averages
    are plain means, each later one is (previous × (period - 1) + present) / period.
    """
    if len(closes) <= period:
        return np.full_like(closes, np.nan)
    change = closes[1:] - closes[:-1]
    gain = _wilder(np.maximum(change, 0.0), period)
    total = gain + _wilder(np.maximum(-change, 0.0), period)
    strength = 100.0 * (gain / np.where(total > 0, total, 1.0))
    return np.concatenate([np.full_like(closes[:1], np.nan), np.where(total == 0, 50.0, strength)])


def _wilder(values: Floats, period: int) -> Floats:
    result = np.full_like(values, np.nan)
    present = values[0].copy()
    for bar in range(1, period):
        present += values[bar]
    present /= period
    result[period - 1] = present
    for bar in range(period, len(values)):
        present = (present * (period - 1) + values[bar]) / period
        result[bar] = present
    return result


def ema(values: Floats, period: int, *, start: int = 0) -> Floats:
    """Return the exponential mean with factor 2 / (period + 1).

    Its first value, at bar ``start + period - 1``, is the plain mean of the ``period`` bars from ``start``.
    """
    result = np.full_like(values, np.nan)
    first = start + period - 1
    if len(values) <= first:
        return result
    present = values[start].copy()
    for bar in range(start + 1, first + 1):
        present += values[bar]
    present /= period
    result[first] = present
    factor = 2.0 / (period + 1)
    for bar in range(first + 1, len(values)):
        present = present + factor * (values[bar] - present)
        result[bar] = present
    return result


def macd(closes: Floats, fast: int, slow: int, signal: int) -> Macd:
    """Return the difference of two exponential means, and its own exponential mean.

    Source: G. Appel, Technical Analysis: Power Tools for Active Investors (2005), chapter 8. Both means
    begin at the same bar, as in TA-Lib.
    """
    line = ema(closes, fast, start=slow - fast) - ema(closes, slow)
    return Macd(line, ema(line, signal, start=slow - 1))


def atr(highs: Floats, lows: Floats, closes: Floats, period: int) -> Floats:
    """Return the average true range, in the quote currency.

    Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978), section III.
    """
    if len(closes) <= period:
        return np.full_like(closes, np.nan)
    previous = closes[:-1]
    ranges = np.maximum(
        highs[1:] - lows[1:], np.maximum(np.abs(highs[1:] - previous), np.abs(lows[1:] - previous))
    )
    return np.concatenate([np.full_like(closes[:1], np.nan), _wilder(ranges, period)])


def roc(closes: Floats, period: int) -> Floats:
    """Return the rate of change against the close ``period`` bars ago, in percent.

    Source: TA-Lib, function ROC: (price / previous - 1) × 100.
    """
    result = np.full_like(closes, np.nan)
    if len(closes) > period:
        result[period:] = (closes[period:] / closes[:-period] - 1.0) * 100.0
    return result


def w_bottom(
    closes: Floats,
    lows: Floats,
    volumes: Floats,
    bands: Bands,
    ranges: Floats,
    mean_volumes: Floats,
    *,
    pattern_bars: int,
    min_swing: float,
) -> Pattern:
    """Tell for the last bar of each symbol whether it completes a W.

    After a low under the lower band come two turning points of the low, the second at least ``min_swing``
    ATRs over the first; the last bar is the first one after them that closes over the middle band, on
    more than the mean volume. A lower turning point begins anew.

    Source: J. Bollinger, Bollinger on Bollinger Bands (2001), chapter 11; the turning point is a low under
    the one before it and not over the one after it.

    Args:
        ranges: ATR. mean_volumes: of the bars up to and with each bar.
        pattern_bars: the pattern lies within the last so many bars.
    """
    last = len(closes) - 1
    symbols = closes.shape[1]
    none = np.full(symbols, np.nan)
    armed = np.zeros(symbols, dtype=bool)
    first, second, swing = none.copy(), none.copy(), none.copy()
    for bar in range(max(last - pattern_bars + 1, 1), last):
        low = lows[bar]
        armed |= low < bands.lower[bar]
        turning = armed & (low < lows[bar - 1]) & (low <= lows[bar + 1])
        rise = (low - first) / ranges[bar]
        higher = turning & (rise >= min_swing)
        begins = turning & (np.isnan(first) | (low < first))
        second = np.where(higher, low, np.where(begins, np.nan, second))
        swing = np.where(higher, rise, np.where(begins, np.nan, swing))
        first = np.where(begins, low, first)
        done = ~np.isnan(second) & (closes[bar] > bands.middle[bar])
        armed &= ~done
        first, second, swing = (np.where(done, np.nan, value) for value in (first, second, swing))
    completed = ~np.isnan(second) & (closes[last] > bands.middle[last]) & (volumes[last] > mean_volumes[last])
    return Pattern(completed, swing)


def m_top(
    closes: Floats,
    highs: Floats,
    volumes: Floats,
    bands: Bands,
    ranges: Floats,
    mean_volumes: Floats,
    *,
    pattern_bars: int,
    min_swing: float,
) -> Pattern:
    """Tell for the last bar of each symbol whether it completes an M, the mirror of the W."""
    mirrored = Bands(-bands.upper, -bands.middle, -bands.lower)
    return w_bottom(
        -closes, -highs, volumes, mirrored, ranges, mean_volumes,
        pattern_bars=pattern_bars, min_swing=min_swing,
    )  # fmt: skip
