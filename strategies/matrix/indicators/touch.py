"""Touch: the close at or beyond a Bollinger band."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from strategies.matrix.indicators.indicator import Indicator, Measured, Outcome, Side
from strategies.matrix.indicators.studies import Studies, StudyParameters


def compute(studies: Studies, _p: StudyParameters) -> Measured:
    """Compare the close with both bands."""
    close = studies.close
    lower, middle, upper = (values[-1] for values in studies.bands)
    return Measured(
        ~np.isnan(middle),
        buy=Outcome(close <= lower, close, lower),
        sell=Outcome(close >= upper, close, upper),
    )


TOUCH = Indicator(
    name="touch",
    buy=Side("Buy Touch", "close at or under the lower band"),
    sell=Side("Sell Touch", "at or over the upper band"),
    weight=Decimal("1.5"),
    source="J. Bollinger, Bollinger on Bollinger Bands (2001), chapter 7",
    parameters=StudyParameters,
    warmup_bars=lambda p: p.bollinger_period,
    compute=compute,
)
