"""Every indicator, in the order of the evidence. Weights, parameters, warm-up and the docs derive from it."""

from __future__ import annotations

from typing import Any

from strategies.matrix.indicators.indicator import Indicator
from strategies.matrix.indicators.macd import MACD
from strategies.matrix.indicators.pattern import PATTERN
from strategies.matrix.indicators.ratio import RATIO
from strategies.matrix.indicators.roc import ROC
from strategies.matrix.indicators.rsi import RSI
from strategies.matrix.indicators.swing import SWING
from strategies.matrix.indicators.touch import TOUCH

INDICATORS: tuple[Indicator[Any], ...] = (
    RATIO,
    TOUCH,
    PATTERN,
    RSI,
    ROC,
    MACD,
    SWING,
)
