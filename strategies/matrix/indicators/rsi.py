"""RSI: relative strength beyond a threshold."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from strategies.matrix.indicators.indicator import Indicator, Measured, Outcome, Side
from strategies.matrix.indicators.studies import Oscillator, Studies, StudyParameters


class RsiParameters(StudyParameters):
    """The RSI is compared with ``rsi_buy`` and ``rsi_sell``, 0 to 100."""

    rsi_buy: Oscillator = 35.0
    rsi_sell: Oscillator = 65.0


def compute(studies: Studies, p: RsiParameters) -> Measured:
    """Compare the RSI with both thresholds."""
    strength = studies.rsi[-1]
    return Measured(
        ~np.isnan(strength),
        buy=Outcome(strength < p.rsi_buy, strength, p.rsi_buy),
        sell=Outcome(strength > p.rsi_sell, strength, p.rsi_sell),
    )


RSI = Indicator(
    name="rsi",
    buy=Side("Buy RSI", "RSI under `rsi_buy`"),
    sell=Side("Sell RSI", "over `rsi_sell`"),
    weight=Decimal("2.5"),
    source="J. W. Wilder, New Concepts in Technical Trading Systems (1978), section VI",
    parameters=RsiParameters,
    ascending=(("rsi_buy", "rsi_sell"),),
    warmup_bars=lambda p: p.rsi_period + 1,
    compute=compute,
)
