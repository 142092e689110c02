"""Indicators over arrays of shape (bars, symbols): one pass over time, all symbols side by side.

Only element-wise operations touch the data, never a reduction along an axis: numpy sums in an order that
depends on the shape, and a symbol's value must not depend on which others are computed with it.
Bars that an indicator cannot know yet are NaN. A comparison with NaN is false, so nothing fires on them.
``keep`` asks for the last so many bars only, which are the same to the bit: means over a window look at
nothing else, and what depends on its own past is computed from the first bar, without storing the way.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from linkage.strategy.arrays import Flags, Floats

_CACHED = 16_000


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


class Recursive(NamedTuple):
    """What depends on its own past: RSI 0 to 100, ATR in the quote currency, and MACD."""

    rsi: Floats
    atr: Floats
    macd: Macd


def recursive(
    highs: Floats,
    lows: Floats,
    closes: Floats,
    *,
    rsi_period: int,
    atr_period: int,
    macd_fast: int,
    macd_slow: int,
    macd_signal: int,
    keep: int | None = None,
) -> Recursive:
    """Return RSI, ATR and MACD in one pass over time.

    RSI is 50 where the price never moved. MACD is the difference of two exponential means, its signal line
    an exponential mean of that; both means have their first value at the same bar, as in TA-Lib.

    Sources: J. W. Wilder, New Concepts in Technical Trading Systems (1978), section VI for RSI and III for
    ATR: the first mean is a plain one, each later one is (previous × (period - 1) + present) / period.
    G. Appel, Technical Analysis: Power Tools for Active Investors (2005), chapter 8 for MACD; the factor
    of an exponential mean is 2 / (period + 1).
    """
    bars, symbols = closes.shape
    means = _Means(
        (
            _Mean(1, rsi_period, 1 / rsi_period),
            _Mean(1, rsi_period, 1 / rsi_period),
            _Mean(1, atr_period, 1 / atr_period),
            _Mean(macd_slow - macd_fast, macd_fast, 2 / (macd_fast + 1)),
            _Mean(0, macd_slow, 2 / (macd_slow + 1)),
        ),
        symbols,
    )
    signals = _Means((_Mean(macd_slow - 1, macd_signal, 2 / (macd_signal + 1)),), symbols)
    results = np.empty((5, bars if keep is None else min(keep, bars), symbols))
    kept, step = bars - results.shape[1], max(1, _CACHED // max(1, symbols))
    block = np.empty((5, min(step, bars), symbols))
    for first in range(0, bars, step):
        end = min(first + step, bars)
        values = block[:, : end - first]
        _moves_and_ranges(highs, lows, closes, max(first, 1), values[:, max(first, 1) - first :])
        # As differences from the first close, so that a price that never moved has means of zero.
        np.subtract(closes[first:end], closes[0], out=values[3])
        values[4] = values[3]
        means.advance(values, first)
        lines = values[3] - values[4]
        smooth = lines.copy()
        signals.advance(smooth[None], first)
        if end > kept:
            own = slice(max(kept - first, 0), end - first)
            target = slice(first + own.start - kept, end - kept)
            for result, each in zip(results, (*values[:3], lines, smooth), strict=True):
                result[target] = each[own]
    known = (rsi_period, rsi_period, atr_period, macd_slow - 1, macd_slow + macd_signal - 2)
    for result, bar in zip(results, known, strict=True):
        result[: max(0, bar - kept)] = np.nan
    gain, loss, ranges, line, signal = results
    total = gain + loss
    strength = np.where(total == 0, 50.0, 100.0 * (gain / np.where(total > 0, total, 1.0)))
    return Recursive(strength, ranges, Macd(line, signal))


def _moves_and_ranges(highs: Floats, lows: Floats, closes: Floats, first: int, out: Floats) -> None:
    """Write gain, loss and true range of so many bars from the first, which has a bar before it."""
    end = first + out.shape[1]
    close, before = closes[first:end], closes[first - 1 : end - 1]
    np.subtract(close, before, out=out[0])
    np.subtract(before, close, out=out[1])
    np.maximum(out[:2], 0.0, out=out[:2])
    # The greatest of high - low, |high - close before| and |low - close before|.
    np.maximum(highs[first:end], before, out=out[2])
    np.subtract(out[2], np.minimum(lows[first:end], before), out=out[2])


class _Mean(NamedTuple):
    """A plain mean of ``period`` values from bar ``start``; then each value enters with ``weight``."""

    start: int
    period: int
    weight: float


class _Means:
    """Means of several series that depend on their own past, all symbols and series side by side."""

    def __init__(self, means: tuple[_Mean, ...], symbols: int) -> None:
        self._means = means
        self._present = np.zeros((len(means), symbols))
        self._share = np.ones_like(self._present)
        self._product = np.empty_like(self._present)

    def advance(self, values: Floats, first: int) -> None:
        """Turn the values of bars, shape (series, bars, symbols), into the means at these bars, in place."""
        turns: dict[int, list[int]] = {}
        for series, mean in enumerate(self._means):
            start, turn = (max(0, bar - first) for bar in (mean.start, mean.start + mean.period))
            values[series, :start] = 0.0
            values[series, start:turn] /= mean.period
            values[series, turn:] *= mean.weight
            turns.setdefault(mean.start + mean.period, []).append(series)
        present, share, product = self._present, self._share, self._product
        multiply, add = np.multiply, np.add
        for bar, value in enumerate(values.swapaxes(0, 1), first):
            if bar in turns:
                for series in turns[bar]:
                    share[series] = 1 - self._means[series].weight
            multiply(present, share, product)
            add(value, product, value)
            present = value
        self._present = present.copy()  # the next values are written over these


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
