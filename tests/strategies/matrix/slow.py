"""The same indicators again, slowly, from their textbook definitions, one symbol and one value at a time."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise


def mean(values: Sequence[float], bar: int, period: int) -> float:
    """Return the mean of the last bars."""
    return statistics.fmean(values[bar - period + 1 : bar + 1])


def deviation(values: Sequence[float], bar: int, period: int) -> float:
    """Return the population standard deviation of the last bars."""
    return statistics.pstdev(values[bar - period + 1 : bar + 1])


def rsi(closes: Sequence[float], bar: int, period: int) -> float:
    """Return Wilder's RSI: 100 - 100 / (1 + RS)."""
    changes = [after - before for before, after in pairwise(closes)]
    gain = statistics.fmean(max(change, 0.0) for change in changes[:period])
    loss = statistics.fmean(max(-change, 0.0) for change in changes[:period])
    for change in changes[period:bar]:
        gain = (gain * (period - 1) + max(change, 0.0)) / period
        loss = (loss * (period - 1) + max(-change, 0.0)) / period
    return 100.0 - 100.0 / (1.0 + gain / loss) if loss else 100.0


def ema(values: Sequence[float], period: int) -> list[float]:
    """Return the exponential mean from bar ``period - 1`` on."""
    factor = 2 / (period + 1)
    result = [statistics.fmean(values[:period])]
    for value in values[period:]:
        result.append(value * factor + result[-1] * (1 - factor))
    return result


def macd(closes: Sequence[float], fast: int, slow: int, signal: int) -> tuple[float, float]:
    """Return MACD and its signal at the last bar, both means begun at the same bar."""
    quick, calm = ema(closes[slow - fast :], fast), ema(closes, slow)
    line = [one - other for one, other in zip(quick, calm, strict=True)]
    return line[-1], ema(line, signal)[-1]


def atr(highs: Sequence[float], lows: Sequence[float], closes: Sequence[float], period: int) -> float:
    """Return Wilder's ATR at the last bar."""
    ranges = [
        max(high - low, abs(high - before), abs(low - before))
        for high, low, before in zip(highs[1:], lows[1:], closes, strict=False)
    ]
    present = statistics.fmean(ranges[:period])
    for value in ranges[period:]:
        present = (present * (period - 1) + value) / period
    return present


def close_enough(one: float, other: float, *, scale: float) -> bool:
    """Tell whether two values agree to 1e-9 of a scale."""
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9 * scale)
