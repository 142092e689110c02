"""W-bottom and M-top."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from linkage.strategy.arrays import Flags, Floats
from linkage.strategy.parameters import Unit
from strategies.matrix.indicators.bands import Bands
from strategies.matrix.indicators.indicator import Indicator, Measured, Outcome, Side
from strategies.matrix.indicators.rolling import bars_ago, rolling_mean
from strategies.matrix.indicators.studies import Period, Studies, StudyParameters


class PatternParameters(StudyParameters):
    """What makes a W or an M.

    Attributes:
        pattern_bars: how far back it may begin; ``volume_period``: bars of the mean volume.
        min_swing: the least rise between the lows of a W, in ATRs.
    """

    pattern_bars: Annotated[int, Field(ge=5, le=200)] = 40
    volume_period: Period = 20
    min_swing: Annotated[float, Field(ge=0, le=20), Unit("ATR")] = 0.5


class Pattern(NamedTuple):
    """W-bottom or M-top at the last bar: whether it completed there, and the swing in ATRs."""

    completed: Flags
    swing: Floats


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


def compute(studies: Studies, p: PatternParameters) -> Measured:
    """Look for both patterns; the value is the swing, which is there only while a pattern is."""
    bars = p.pattern_bars + 1
    bands, ranges, volumes = studies.bands, studies.atr, studies.volumes
    mean_volumes = rolling_mean(volumes, p.volume_period, keep=1)
    w = w_bottom(
        studies.closes, studies.lows, volumes, bands, ranges, mean_volumes,
        pattern_bars=p.pattern_bars, min_swing=p.min_swing,
    )  # fmt: skip
    m = m_top(
        studies.closes[-bars:], studies.highs[-bars:], volumes, bands, ranges, mean_volumes,
        pattern_bars=p.pattern_bars, min_swing=p.min_swing,
    )  # fmt: skip
    first = p.pattern_bars - 1  # the bar before it is a neighbour of turning points only
    known = ~np.isnan(bars_ago(bands.middle, first) + bars_ago(ranges, first) + mean_volumes[-1])
    return Measured(
        known,
        buy=Outcome(w.completed, w.swing, p.min_swing),
        sell=Outcome(m.completed, m.swing, p.min_swing),
    )


PATTERN = Indicator(
    name="pattern",
    buy=Side(
        "W-Bottom",
        "a low under the lower band, a second low at least `min_swing` ATRs higher, then the first close "
        "over the middle band on more than the mean volume",
    ),
    sell=Side("M-Top", "the mirror image"),
    weight=Decimal("2.0"),
    source="J. Bollinger, Bollinger on Bollinger Bands (2001), W-type bottoms and M-type tops",
    parameters=PatternParameters,
    warmup_bars=lambda p: max(p.pattern_bars + max(p.bollinger_period - 1, p.atr_period), p.volume_period),
    compute=compute,
    depth=lambda p: p.pattern_bars + 1,
)
