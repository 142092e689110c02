"""Bollinger bands."""

from __future__ import annotations

from typing import NamedTuple

from linkage.strategy.arrays import Floats
from strategies.matrix.indicators.rolling import rolling_deviation, rolling_mean


class Bands(NamedTuple):
    """Bollinger bands, in the quote currency."""

    lower: Floats
    middle: Floats
    upper: Floats


def bollinger(closes: Floats, period: int, deviations: float, *, keep: int | None = None) -> Bands:
    """Return mean ± deviations × population standard deviation of the close.

    Source: J. Bollinger, Bollinger on Bollinger Bands (2001), chapter 7.
    """
    middle = rolling_mean(closes, period, keep=keep)
    width = deviations * rolling_deviation(closes, period, keep=keep)
    return Bands(middle - width, middle, middle + width)
