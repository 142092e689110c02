"""The momentum rule: a rate of change that is large and still growing, with the RSI in the middle.

It stands beside the score: it makes a decision of its own, and adds nothing to a side's sum.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from linkage.strategy.arrays import Flags, Floats
from linkage.strategy.parameters import Unit
from strategies.matrix.indicators.indicator import Outcome
from strategies.matrix.indicators.roc import RocParameters, roc
from strategies.matrix.indicators.rolling import rolling_deviation
from strategies.matrix.indicators.studies import NegativePercent, Oscillator, Percent, Period, Studies

MOMENTUM = "ROC Momentum"
"""In the evidence of a signal."""

ASCENDING = (("rsi_gate_low", "rsi_gate_high"),)


class MomentumParameters(RocParameters):
    """The parameters of the rule.

    Attributes:
        roc_momo_buy, roc_momo_sell: percent; ``roc_momo_min_change``: percentage points per bar;
            ``roc_momo_deviations``: of the rate's change over ``roc_momo_deviation_bars`` bars.
        rsi_gate_low, rsi_gate_high: the RSI between which the rule may fire.
    """

    roc_momo_buy: Percent = 8.5
    roc_momo_sell: NegativePercent = -8.5
    roc_momo_min_change: Percent = 0.3
    roc_momo_deviations: Annotated[float, Field(ge=0, le=20), Unit("deviations")] = 0.5
    roc_momo_deviation_bars: Period = 20
    rsi_gate_low: Oscillator = 45.0
    rsi_gate_high: Oscillator = 55.0


def warmup_bars(p: MomentumParameters) -> int:
    """Return the least number of bars from which the rule can fire."""
    return max(p.roc_period + p.roc_momo_deviation_bars + 1, p.rsi_period + 1)


def momentum(studies: Studies, p: MomentumParameters) -> tuple[Outcome, Outcome]:
    """Return the buy and the sell side at the last bar."""
    strength = studies.rsi[-1]
    rates = roc(studies.closes, p.roc_period, keep=p.roc_momo_deviation_bars + 1)
    moving = _moves(rates, p) & (strength >= p.rsi_gate_low) & (strength <= p.rsi_gate_high)
    rate = rates[-1]
    return (
        Outcome(moving & (rate > p.roc_momo_buy), rate, p.roc_momo_buy),
        Outcome(moving & (rate < p.roc_momo_sell), rate, p.roc_momo_sell),
    )


def _moves(rates: Floats, p: MomentumParameters) -> Flags:
    bars = p.roc_momo_deviation_bars
    changes = rates[-bars:] - rates[-bars - 1 : -1]
    deviation = rolling_deviation(changes, bars)[-1]
    least = np.maximum(p.roc_momo_min_change, p.roc_momo_deviations * deviation)
    moves: Flags = np.abs(changes[-1]) > least
    return moves
