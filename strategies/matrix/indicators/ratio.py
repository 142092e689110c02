"""Ratio: how wide the Bollinger bands are."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from strategies.matrix.indicators.indicator import Indicator, Measured, Outcome, Side
from strategies.matrix.indicators.studies import Fraction, Studies, StudyParameters


class RatioParameters(StudyParameters):
    """Upper ÷ lower band is compared with one plus ``buy_band_width`` and ``sell_band_width``, fractions."""

    buy_band_width: Fraction = 0.03
    sell_band_width: Fraction = 0.01


def compute(studies: Studies, p: RatioParameters) -> Measured:
    """Compare upper ÷ lower with both widths; without a value where the lower band is not positive."""
    lower, middle, upper = (values[-1] for values in studies.bands)
    ratio = np.full_like(studies.close, np.nan)
    np.divide(upper, lower, out=ratio, where=lower > 0)
    wide, narrow = 1 + p.buy_band_width, 1 + p.sell_band_width
    return Measured(
        ~np.isnan(middle), buy=Outcome(ratio > wide, ratio, wide), sell=Outcome(ratio < narrow, ratio, narrow)
    )


RATIO = Indicator(
    name="ratio",
    buy=Side("Buy Ratio", "Bollinger bands wide: upper ÷ lower over 1 + `buy_band_width`"),
    sell=Side("Sell Ratio", "a squeeze: under 1 + `sell_band_width`"),
    weight=Decimal("1.2"),
    source="J. Bollinger, Bollinger on Bollinger Bands (2001), BandWidth",
    parameters=RatioParameters,
    ascending=(("sell_band_width", "buy_band_width"),),
    warmup_bars=lambda p: p.bollinger_period,
    compute=compute,
)
