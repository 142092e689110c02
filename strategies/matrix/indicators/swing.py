"""Swing: a breakout from the range of the bars before, which MACD confirms."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from strategies.matrix.indicators.indicator import Indicator, Measured, Outcome, Side
from strategies.matrix.indicators.rolling import previous_highest
from strategies.matrix.indicators.studies import Period, Studies, StudyParameters


class SwingParameters(StudyParameters):
    """The close has to break out of the range of the ``swing_bars`` before."""

    swing_bars: Period = 20


def compute(studies: Studies, p: SwingParameters) -> Measured:
    """Compare the close with the highest high and the lowest low of the bars before."""
    close, bars = studies.close, p.swing_bars
    line, signal = (values[-1] for values in studies.macd)
    highest = previous_highest(studies.highs, bars, keep=1)[-1]
    lowest = -previous_highest(-studies.lows[-bars - 1 :], bars, keep=1)[-1]
    return Measured(
        ~np.isnan(highest + signal),
        buy=Outcome((close > highest) & (line > signal), close, highest),
        sell=Outcome((close < lowest) & (line < signal), close, lowest),
    )


SWING = Indicator(
    name="swing",
    buy=Side(
        "Buy Swing", "close over the highest high of the `swing_bars` before, MACD over its signal line"
    ),
    sell=Side("Sell Swing", "close under their lowest low, MACD under it"),
    weight=Decimal("2.2"),
    source="R. D. Donchian's channel; TA-Lib, functions MAX and MIN",
    parameters=SwingParameters,
    warmup_bars=lambda p: max(p.swing_bars + 1, p.macd_slow + p.macd_signal - 1),
    compute=compute,
)
