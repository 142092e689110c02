"""MACD: the line crosses its signal line."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from strategies.matrix.indicators.indicator import Indicator, Measured, Outcome, Side
from strategies.matrix.indicators.rolling import bars_ago
from strategies.matrix.indicators.studies import Studies, StudyParameters


def compute(studies: Studies, _p: StudyParameters) -> Measured:
    """Compare line and signal line at the last bar and the one before."""
    line, signal = (bars_ago(values, 0) for values in studies.macd)
    line_before, signal_before = (bars_ago(values, 1) for values in studies.macd)
    crosses_over = (line > signal) & ~(line_before > signal_before) & (line > 0)
    crosses_under = (line < signal) & ~(line_before < signal_before) & (line < 0)
    return Measured(
        ~np.isnan(signal_before),
        buy=Outcome(crosses_over, line, signal),
        sell=Outcome(crosses_under, line, signal),
    )


MACD = Indicator(
    name="macd",
    buy=Side("Buy MACD", "MACD crosses over its signal line, above zero"),
    sell=Side("Sell MACD", "under it, below zero"),
    weight=Decimal("1.8"),
    source="G. Appel, Technical Analysis: Power Tools for Active Investors (2005), chapter 8",
    parameters=StudyParameters,
    ascending=(("macd_fast", "macd_slow"),),
    warmup_bars=lambda p: p.macd_slow + p.macd_signal,
    compute=compute,
    depth=lambda _p: 2,
)
