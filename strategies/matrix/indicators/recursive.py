"""Wilder's and exponential means, which depend on their own past: RSI, ATR and MACD in one pass over time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from linkage.strategy.arrays import Floats

_CACHED = 16_000


class Macd(NamedTuple):
    """MACD line and signal line, in the quote currency."""

    line: Floats
    signal: Floats


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
            for result, series in zip(results, (*values[:3], lines, smooth), strict=True):
                result[target] = series[own]
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
