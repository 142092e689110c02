"""From indicators to scores: which fired at the last bar, on what evidence, and what that adds up to."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import isfinite

import numpy as np

from linkage.domain.canonical import normalise_decimal
from linkage.strategy.arrays import Flags, Floats
from linkage.strategy.window import Window, rows_in_order
from strategies.matrix import indicators
from strategies.matrix.parameters import Parameters

Breakdown = dict[str, dict[str, str | int | None]]

MOMENTUM = "ROC Momentum"
SIGNIFICANT_DIGITS = 12


@dataclass(frozen=True, slots=True, eq=False)
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
    p = parameters
    closes, highs, lows = (rows_in_order(values) for values in (window.closes, window.highs, window.lows))
    close, pattern = closes[-1], p.pattern_bars + 1
    bands = indicators.bollinger(closes, p.bollinger_period, p.bollinger_deviations, keep=pattern)
    strengths, ranges, macd = indicators.recursive(
        highs, lows, closes,
        rsi_period=p.rsi_period, atr_period=p.atr_period,
        macd_fast=p.macd_fast, macd_slow=p.macd_slow, macd_signal=p.macd_signal, keep=pattern,
    )  # fmt: skip
    strength = strengths[-1]
    rates = indicators.roc(closes, p.roc_period, keep=p.roc_momo_deviation_bars + 1)
    mean_volumes = indicators.rolling_mean(window.volumes, p.volume_period, keep=1)
    highest = indicators.previous_highest(highs, p.swing_bars, keep=1)[-1]
    lowest = -indicators.previous_highest(-lows[-p.swing_bars - 1 :], p.swing_bars, keep=1)[-1]
    w_bottom = indicators.w_bottom(
        closes, lows, window.volumes, bands, ranges, mean_volumes,
        pattern_bars=p.pattern_bars, min_swing=p.min_swing,
    )  # fmt: skip
    m_top = indicators.m_top(
        closes[-pattern:], highs[-pattern:], window.volumes, bands, ranges, mean_volumes,
        pattern_bars=p.pattern_bars, min_swing=p.min_swing,
    )  # fmt: skip

    lower, upper = bands.lower[-1], bands.upper[-1]
    ratio = np.full_like(close, np.nan)
    np.divide(upper, lower, out=ratio, where=lower > 0)
    over, under = macd.line[-1] > macd.signal[-1], macd.line[-1] < macd.signal[-1]
    was_over, was_under = macd.line[-2] > macd.signal[-2], macd.line[-2] < macd.signal[-2]
    crosses_over = over & ~was_over & (macd.line[-1] > 0)
    crosses_under = under & ~was_under & (macd.line[-1] < 0)

    def constant(value: float) -> Floats:
        return np.full_like(close, value)

    def reading(
        name: str, weight: Decimal, fires: Flags, value: Floats, threshold: Floats | float
    ) -> Reading:
        limit = constant(threshold) if isinstance(threshold, (int, float)) else threshold
        return Reading(name, weight, fires, value, limit)

    w, rate = p.weights, rates[-1]
    buy_ratio, sell_ratio = 1 + p.buy_band_width, 1 + p.sell_band_width
    buy = (
        reading("Buy Ratio", w.ratio, ratio > buy_ratio, ratio, buy_ratio),
        reading("Buy Touch", w.touch, close <= lower, close, lower),
        reading("W-Bottom", w.pattern, w_bottom.completed, w_bottom.swing, p.min_swing),
        reading("Buy RSI", w.rsi, strength < p.rsi_buy, strength, p.rsi_buy),
        reading("Buy ROC", w.roc, rate > p.roc_buy, rate, p.roc_buy),
        reading("Buy MACD", w.macd, crosses_over, macd.line[-1], macd.signal[-1]),
        reading("Buy Swing", w.swing, (close > highest) & over, close, highest),
    )
    sell = (
        reading("Sell Ratio", w.ratio, ratio < sell_ratio, ratio, sell_ratio),
        reading("Sell Touch", w.touch, close >= upper, close, upper),
        reading("M-Top", w.pattern, m_top.completed, m_top.swing, p.min_swing),
        reading("Sell RSI", w.rsi, strength > p.rsi_sell, strength, p.rsi_sell),
        reading("Sell ROC", w.roc, rate < p.roc_sell, rate, p.roc_sell),
        reading("Sell MACD", w.macd, crosses_under, macd.line[-1], macd.signal[-1]),
        reading("Sell Swing", w.swing, (close < lowest) & under, close, lowest),
    )
    moving = _moves(rates, p) & (strength >= p.rsi_gate_low) & (strength <= p.rsi_gate_high)
    return Readings(
        buy,
        sell,
        reading(MOMENTUM, Decimal(0), moving & (rate > p.roc_momo_buy), rate, p.roc_momo_buy),
        reading(MOMENTUM, Decimal(0), moving & (rate < p.roc_momo_sell), rate, p.roc_momo_sell),
    )


def score(readings: Readings, column: int) -> Score:
    """Return the scores of one symbol, exact sums of the weights of what fired."""
    buy_fired = tuple(one.name for one in readings.buy if one.fires[column])
    sell_fired = tuple(one.name for one in readings.sell if one.fires[column])
    return Score(
        buy=sum((one.weight for one in readings.buy if one.fires[column]), Decimal(0)),
        sell=sum((one.weight for one in readings.sell if one.fires[column]), Decimal(0)),
        buy_fired=buy_fired,
        sell_fired=sell_fired,
        breakdown={one.name: evidence(one, column) for one in (*readings.buy, *readings.sell)},
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


def _moves(rates: Floats, parameters: Parameters) -> Flags:
    bars = parameters.roc_momo_deviation_bars
    changes = rates[-bars:] - rates[-bars - 1 : -1]
    least = np.maximum(
        parameters.roc_momo_min_change,
        parameters.roc_momo_deviations * indicators.rolling_deviation(changes, bars)[-1],
    )
    moves: Flags = np.abs(changes[-1]) > least
    return moves
