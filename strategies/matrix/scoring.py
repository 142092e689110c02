"""From indicators to scores: which fired at the last bar, on what evidence, and what that adds up to."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import isfinite

import numpy as np

from linkage.domain.canonical import normalise_decimal
from linkage.strategy.arrays import Flags, Floats
from linkage.strategy.window import Window
from strategies.matrix.indicators.indicator import Outcome
from strategies.matrix.indicators.registry import INDICATORS
from strategies.matrix.indicators.studies import Studies
from strategies.matrix.momentum import MOMENTUM, momentum
from strategies.matrix.parameters import Parameters

Breakdown = dict[str, dict[str, str | int | None]]

SIGNIFICANT_DIGITS = 12


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Reading:
    """What one indicator says on one side, for every symbol at the last bar.

    Attributes:
        fires: decision per symbol. value, threshold: what was compared with what.
    """

    name: str
    weight: Decimal
    fires: Flags
    value: Floats
    threshold: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """All indicators of all symbols at the last bar, and the momentum rule."""

    buy: tuple[Reading, ...]
    sell: tuple[Reading, ...]
    momentum_buy: Reading
    momentum_sell: Reading


@dataclass(frozen=True, slots=True)
class Score:
    """One symbol's scores with their evidence.

    Attributes:
        breakdown: name to decision, value, threshold, weight and contribution; decimals as strings,
            null where an indicator has no value.
    """

    buy: Decimal
    sell: Decimal
    buy_fired: tuple[str, ...]
    sell_fired: tuple[str, ...]
    breakdown: Breakdown


def read_indicators(window: Window, parameters: Parameters) -> Readings:
    """Compute every indicator of every symbol at the last bar of the window."""
    depth = max(indicator.depth(parameters) for indicator in INDICATORS)
    studies = Studies(window, parameters, depth=depth)
    buy, sell = [], []
    for indicator in INDICATORS:
        weight = getattr(parameters.weights, indicator.name)
        known, buy_side, sell_side = indicator.compute(studies, parameters)
        buy.append(_reading(indicator.buy.name, weight, buy_side, known))
        sell.append(_reading(indicator.sell.name, weight, sell_side, known))
    momentum_buy, momentum_sell = (
        _reading(MOMENTUM, Decimal(0), side) for side in momentum(studies, parameters)
    )
    return Readings(tuple(buy), tuple(sell), momentum_buy, momentum_sell)


def _reading(name: str, weight: Decimal, outcome: Outcome, known: Flags | None = None) -> Reading:
    """Return one side as a reading; where it is not known it does not fire, and has no value."""
    fires, value, threshold = outcome
    if not isinstance(threshold, np.ndarray):
        threshold = np.full_like(value, threshold)
    if known is not None and not known.all():
        fires, value = fires & known, np.where(known, value, np.nan)
    return Reading(name=name, weight=weight, fires=fires, value=value, threshold=threshold)


def score(readings: Readings, column: int) -> Score:
    """Return the scores of one symbol, exact sums of the weights of what fired."""
    buy_fired = tuple(reading.name for reading in readings.buy if reading.fires[column])
    sell_fired = tuple(reading.name for reading in readings.sell if reading.fires[column])
    return Score(
        buy=sum((reading.weight for reading in readings.buy if reading.fires[column]), Decimal(0)),
        sell=sum((reading.weight for reading in readings.sell if reading.fires[column]), Decimal(0)),
        buy_fired=buy_fired,
        sell_fired=sell_fired,
        breakdown={reading.name: evidence(reading, column) for reading in (*readings.buy, *readings.sell)},
    )


def evidence(reading: Reading, column: int) -> dict[str, str | int | None]:
    """Return one line of a breakdown."""
    fires = bool(reading.fires[column])
    weight = normalise_decimal(reading.weight)
    return {
        "decision": int(fires),
        "value": _text(reading.value[column]),
        "threshold": _text(reading.threshold[column]),
        "weight": weight,
        "contribution": weight if fires else "0",
    }


def to_decimal(value: float) -> Decimal:
    """Return a computed number as a decimal of twelve significant digits, without the noise after them."""
    return Decimal(normalise_decimal(Decimal(f"{value:.{SIGNIFICANT_DIGITS}g}")))


def _text(value: float) -> str | None:
    return normalise_decimal(to_decimal(value)) if isfinite(value) else None
