"""Indicators over arrays of shape (bars, symbols): one pass over time, all symbols side by side.

Only element-wise operations touch the data, never a reduction along an axis: numpy sums in an order that
depends on the shape, and a symbol's value must not depend on which others are computed with it.
Bars that an indicator cannot know yet are NaN. A comparison with NaN is false, so nothing fires on them.
``keep`` asks for the last so many bars only, which are the same to the bit: means over a window look at
nothing else, and what depends on its own past is computed from the first bar, without storing the way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_CACHED = 8_000


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


def rolling_mean(values: Floats, period: int, *, keep: int | None = None) -> Floats:
    """Return the mean of the last ``period`` bars."""
    values = _needed(values, period - 1, keep)
    result = np.full_like(values, np.nan)
    count = len(values) - period + 1
    if count > 0:
        total = result[period - 1 :]
        total[:] = values[:count]
        for offset in range(1, period):
            total += values[offset : offset + count]
        total /= period
    return _kept(result, keep)


def rolling_deviation(values: Floats, period: int, *, keep: int | None = None) -> Floats:
    """Return the population standard deviation of the last ``period`` bars, in two passes."""
    values = _needed(values, period - 1, keep)
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
    return _kept(result, keep)


def previous_highest(values: Floats, period: int, *, keep: int | None = None) -> Floats:
    """Return the greatest value of the ``period`` bars before each bar, the bar itself left out."""
    values = _needed(values, period, keep)
    result = np.full_like(values, np.nan)
    count = len(values) - period
    if count > 0:
        highest = result[period:]
        highest[:] = values[:count]
        for offset in range(1, period):
            np.maximum(highest, values[offset : offset + count], out=highest)
    return _kept(result, keep)


def bollinger(closes: Floats, period: int, deviations: float, *, keep: int | None = None) -> Bands:
    """Return mean ± deviations × population standard deviation of the close.

    Source: J. Bollinger, Bollinger on Bollinger Bands (2001), chapter 7.
    """
    middle = rolling_mean(closes, period, keep=keep)
    width = deviations * rolling_deviation(closes, period, keep=keep)
    return Bands(middle - width, middle, middle + width)


def rsi(closes: Floats, period: int, *, keep: int | None = None) -> Floats:
    """Return the relative strength index, 0 to 100; 50 where the price never moved.

    Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978), section VI.
    """

    def moves(bars: slice, before: slice, out: Floats) -> None:
        _moves(closes[bars], closes[before], out)

    return _strength(_wilder(moves, closes.shape, (period, period), keep))


def atr(highs: Floats, lows: Floats, closes: Floats, period: int, *, keep: int | None = None) -> Floats:
    """Return the average true range, in the quote currency.

    Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978), section III.
    """

    def ranges(bars: slice, before: slice, out: Floats) -> None:
        _true_range(highs[bars], lows[bars], closes[before], out[:, 0])

    return _wilder(ranges, closes.shape, (period,), keep)[:, 0]


def rsi_and_atr(
    highs: Floats, lows: Floats, closes: Floats, rsi_period: int, atr_period: int, *, keep: int | None = None
) -> tuple[Floats, Floats]:
    """Return what ``rsi`` and ``atr`` return, in one pass over time."""

    def values(bars: slice, before: slice, out: Floats) -> None:
        _moves(closes[bars], closes[before], out[:, :2])
        _true_range(highs[bars], lows[bars], closes[before], out[:, 2])

    means = _wilder(values, closes.shape, (rsi_period, rsi_period, atr_period), keep)
    return _strength(means[:, :2]), means[:, 2]


def _moves(closes: Floats, before: Floats, out: Floats) -> None:
    """Write each bar's gain and loss."""
    np.subtract(closes, before, out=out[:, 0])
    np.subtract(before, closes, out=out[:, 1])
    np.maximum(out, 0.0, out=out)


def _true_range(highs: Floats, lows: Floats, before: Floats, out: Floats) -> None:
    """Write the greatest of high - low, |high - close before| and |low - close before|."""
    np.maximum(highs, before, out=out)
    np.subtract(out, np.minimum(lows, before), out=out)


def _strength(means: Floats) -> Floats:
    """Return the index from the means of gain and loss, shape (bars, 2, symbols)."""
    gain = means[:, 0]
    total = gain + means[:, 1]
    strength = 100.0 * (gain / np.where(total > 0, total, 1.0))
    return np.where(total == 0, 50.0, strength)


def _wilder(
    source: Callable[[slice, slice, Floats], None],
    shape: tuple[int, ...],
    periods: tuple[int, ...],
    keep: int | None,
) -> Floats:
    """Return Wilder's means of several series: the first is a plain one of the values of bars 1 to period,
    each later one is previous × (period - 1) / period + present / period.

    Args:
        source: writes the series' values of some bars, given these bars and the ones before them.
        shape: of the prices, (bars, symbols).
        periods: of each series.

    Returns:
        Shape (bars, series, symbols).
    """
    bars, symbols = shape
    result, kept = _empty((bars, len(periods), symbols), keep)
    block, means = np.empty((_block(symbols), *result.shape[1:])), np.zeros(result.shape[1:])
    divisors, decays = np.empty_like(means), np.ones_like(means)
    divisors[:] = np.array(periods, dtype=np.float64)[:, None]
    for first in range(1, bars, len(block)):
        end = min(first + len(block), bars)
        values = block[: end - first]
        source(slice(first, end), slice(first - 1, end - 1), values)
        values /= divisors
        for bar, value in enumerate(values, start=first):
            for series, period in enumerate(periods):
                if bar == period + 1:
                    decays[series] = (period - 1) / period
            np.multiply(means, decays, out=means)
            np.add(means, value, out=means)
            if bar >= kept:
                result[bar - kept] = means
    for series, period in enumerate(periods):
        result[: max(0, period - kept), series] = np.nan
    return result


def ema(values: Floats, period: int, *, start: int = 0) -> Floats:
    """Return the exponential mean with factor 2 / (period + 1).

    Its first value, at bar ``start + period - 1``, is the plain mean of the ``period`` bars from ``start``.
    """
    result = np.full_like(values, np.nan)
    first = start + period - 1
    if len(values) <= first:
        return result
    present = _mean(values[start : first + 1])
    result[first] = present
    factor = 2.0 / (period + 1)
    for bar in range(first + 1, len(values)):
        # In this form a price that is equal to its mean leaves the mean alone, to the bit.
        present += factor * (values[bar] - present)
        result[bar] = present
    return result


def macd(closes: Floats, fast: int, slow: int, signal: int, *, keep: int | None = None) -> Macd:
    """Return the difference of two exponential means, and its own exponential mean.

    Source: G. Appel, Technical Analysis: Power Tools for Active Investors (2005), chapter 8. Both means
    begin at the same bar, as in TA-Lib; each is what ``ema`` gives.
    """
    bars, symbols = closes.shape
    lines, kept = _empty(closes.shape, keep)
    signals = np.full_like(lines, np.nan)
    if bars < slow:
        return Macd(lines, signals)
    means = np.stack([_mean(closes[slow - fast : slow]), _mean(closes[:slow])])
    factors, change = np.empty_like(means), np.empty_like(means)
    factors[0], factors[1] = 2.0 / (fast + 1), 2.0 / (slow + 1)
    factor = np.full(symbols, 2.0 / (signal + 1))
    present, step = np.zeros(symbols), np.empty(symbols)
    block, starts = np.empty((_block(symbols), *means.shape)), slow + signal - 2
    for first in range(slow - 1, bars, len(block)):
        end = min(first + len(block), bars)
        for bar, row in zip(range(first, end), block, strict=False):
            if bar >= slow:
                np.subtract(closes[bar], means, out=change)
                np.multiply(change, factors, out=change)
                np.add(means, change, out=row)
                means = row
            else:
                row[:] = means
        for bar, line in enumerate(block[: end - first, 0] - block[: end - first, 1], start=first):
            if bar <= starts:
                np.add(present, line, out=present)
                if bar == starts:
                    present /= signal
            else:
                np.subtract(line, present, out=step)
                np.multiply(step, factor, out=step)
                np.add(present, step, out=present)
            if bar >= kept:
                lines[bar - kept] = line
                if bar >= starts:
                    signals[bar - kept] = present
        means = means.copy()  # the next block is written over this one
    return Macd(lines, signals)


def roc(closes: Floats, period: int, *, keep: int | None = None) -> Floats:
    """Return the rate of change against the close ``period`` bars ago, in percent.

    Source: TA-Lib, function ROC: (price / previous - 1) × 100.
    """
    closes = _needed(closes, period, keep)
    result = np.full_like(closes, np.nan)
    if len(closes) > period:
        rate = result[period:]
        np.divide(closes[period:], closes[:-period], out=rate)
        rate -= 1.0
        rate *= 100.0
    return _kept(result, keep)


def _needed(values: Floats, before: int, keep: int | None) -> Floats:
    """Return the last bars from which the ones to keep follow, each from ``before`` bars before it."""
    return values if keep is None else values[max(0, len(values) - keep - before) :]


def _kept(values: Floats, keep: int | None) -> Floats:
    return values if keep is None else values[max(0, len(values) - keep) :]


def _empty(shape: tuple[int, ...], keep: int | None) -> tuple[Floats, int]:
    """Return an array for the bars to keep, and the first of these bars."""
    count = shape[0] if keep is None else min(keep, shape[0])
    return np.full((count, *shape[1:]), np.nan), shape[0] - count


def _block(symbols: int) -> int:
    """Return how many bars to prepare at a time, so that they are still in the cache when they are used."""
    return max(1, _CACHED // max(1, symbols))


def _mean(values: Floats) -> Floats:
    """Return the mean over time, summed in the order of time."""
    total = np.zeros(values.shape[1:])
    for value in values:
        total += value
    total /= len(values)
    return total


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
        closes, lows, volumes: with all other arrays, at least the last ``pattern_bars + 1`` bars; of the
            last bar's volume and mean only the last is read.
        ranges: ATR. mean_volumes: of the bars up to and with each bar.
        pattern_bars: the pattern lies within the last so many bars.
    """
    count = min(pattern_bars + 1, len(closes))
    closes, lows, ranges, lower, middle = (
        values[-count:] for values in (closes, lows, ranges, bands.lower, bands.middle)
    )
    last = count - 1
    under, over = lows < lower, closes > middle
    turning_points = np.zeros_like(under)
    turning_points[1:-1] = (lows[1:-1] < lows[:-2]) & (lows[1:-1] <= lows[2:])
    armed = np.zeros(closes.shape[1:], dtype=bool)
    first, second = np.full(armed.shape, np.nan), np.full(armed.shape, np.nan)
    swing = second.copy()
    for bar in range(1, last):
        armed |= under[bar]
        turning = armed & turning_points[bar]
        low = lows[bar]
        rise = (low - first) / ranges[bar]
        higher = turning & (rise >= min_swing)
        begins = turning & ~(low >= first)
        np.copyto(second, np.nan, where=begins)
        np.copyto(swing, np.nan, where=begins)
        np.copyto(second, low, where=higher)
        np.copyto(swing, rise, where=higher)
        np.copyto(first, low, where=begins)
        done = ~np.isnan(second) & over[bar]
        armed &= ~done
        for value in (first, second, swing):
            np.copyto(value, np.nan, where=done)
    completed = ~np.isnan(second) & over[last] & (volumes[-1] > mean_volumes[-1])
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
