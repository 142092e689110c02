"""ROC: the rate of change over a few bars."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import numpy as np
from pydantic import Field

from linkage.strategy.arrays import Floats
from linkage.strategy.parameters import Unit
from strategies.matrix.indicators.indicator import Indicator, Measured, Outcome, Side
from strategies.matrix.indicators.rolling import kept, needed
from strategies.matrix.indicators.studies import NegativePercent, Percent, Studies, StudyParameters


class RocParameters(StudyParameters):
    """The change over ``roc_period`` bars is compared with ``roc_buy`` and ``roc_sell``, percent."""

    roc_period: Annotated[int, Field(ge=1, le=200), Unit("bars")] = 4
    roc_buy: Percent = 1.0
    roc_sell: NegativePercent = -1.0


def roc(closes: Floats, period: int, *, keep: int | None = None) -> Floats:
    """Return the rate of change against the close ``period`` bars ago, in percent.

    Source: TA-Lib, function ROC: (price / previous - 1) × 100.
    """
    closes = needed(closes, period, keep)
    result = np.full_like(closes, np.nan)
    if len(closes) > period:
        rate = result[period:]
        np.divide(closes[period:], closes[:-period], out=rate)
        rate -= 1.0
        rate *= 100.0
    return kept(result, keep)


def compute(studies: Studies, p: RocParameters) -> Measured:
    """Compare the rate with both thresholds."""
    rate = roc(studies.closes, p.roc_period, keep=1)[-1]
    return Measured(
        ~np.isnan(rate),
        buy=Outcome(rate > p.roc_buy, rate, p.roc_buy),
        sell=Outcome(rate < p.roc_sell, rate, p.roc_sell),
    )


ROC = Indicator(
    name="roc",
    buy=Side("Buy ROC", "change over `roc_period` bars over `roc_buy`"),
    sell=Side("Sell ROC", "under `roc_sell`"),
    weight=Decimal("2.0"),
    source="TA-Lib, function ROC: (price ÷ previous price - 1) × 100",
    parameters=RocParameters,
    warmup_bars=lambda p: p.roc_period + 1,
    compute=compute,
)
