"""No parameter is idle: each one, changed alone, changes a decision, and is in the snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from linkage.ports.market import Candles
from linkage.strategy.decisions import Decision
from linkage.strategy.state import StrategyState
from strategies.matrix.parameters import Parameters
from strategies.matrix.strategy import MATRIX
from tests.strategies.matrix.markets import candles_of, random_rows

USUAL: dict[str, Any] = {
    "bars": 120, "clean_bars": 10, "max_bridged": 0.05, "score_buy_target": "2.7", "score_sell_target": "2.7",
    "min_indicators": 1, "cooldown_bars": 3, "max_signals_per_run": 3, "max_spread": 0.005,
    "roc_momo_buy": 1.0, "roc_momo_sell": -1.0, "rsi_gate_low": 35.0, "rsi_gate_high": 65.0,
    "buy_band_width": 0.02, "sell_band_width": 0.015, "limit_offset": "0.001", "min_swing": 1.0,
    "weights": {"pattern": "2.8"},
}  # fmt: skip

OTHERWISE: dict[str, Any] = {
    "interval_seconds": 900, "bars": 80, "clean_bars": 40, "max_bridged": 0.0, "bollinger_period": 25,
    "bollinger_deviations": 2.3, "buy_band_width": 0.025, "sell_band_width": 0.01, "rsi_period": 10,
    "rsi_buy": 30.0, "rsi_sell": 70.0, "roc_period": 6, "roc_buy": 1.5, "roc_sell": -1.5, "macd_fast": 8,
    "macd_slow": 30, "macd_signal": 6, "atr_period": 2, "swing_bars": 10, "pattern_bars": 6,
    "volume_period": 5, "min_swing": 2.5,
    "weights.ratio": "0.3", "weights.touch": "0.4", "weights.pattern": "0.5", "weights.rsi": "0.6",
    "weights.roc": "0.7", "weights.macd": "0.8", "weights.swing": "0.9",
    "score_buy_target": "3.5", "score_sell_target": "3.5", "min_indicators": 3, "hysteresis": "0.9",
    "cooldown_bars": 9, "exclusions": ["A-USD"], "max_spread": 0.003, "max_signals_per_run": 1,
    "roc_momo_buy": 2.0, "roc_momo_sell": -2.0, "roc_momo_min_change": 1.0, "roc_momo_deviations": 1.5,
    "roc_momo_deviation_bars": 5, "rsi_gate_low": 45.0, "rsi_gate_high": 55.0, "order_notional": "30",
    "order_notional_by_quote": {"BTC": "0.1"}, "entry_order_type": "market", "limit_offset": "0.002",
    "take_profit": "0.05", "stop_loss": "0.03",
}  # fmt: skip
"""Another value for every field. A field that is new in the model has to be added here."""


def fields(model: type[BaseModel], path: str = "") -> Iterator[str]:
    for name, each in model.model_fields.items():
        if isinstance(each.annotation, type) and issubclass(each.annotation, BaseModel):
            yield from fields(each.annotation, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def parameters(changed: str | None = None) -> Parameters:
    values = dict(USUAL)
    if changed is not None:
        group, _, name = changed.rpartition(".")
        values |= {group: {**USUAL[group], name: OTHERWISE[changed]}} if group else {name: OTHERWISE[changed]}
    return Parameters.model_validate(values)


@cache
def market() -> Candles:
    """Six symbols with trends and squeezes; one has gaps, one a spread, and one is priced in bitcoin."""
    names = ("A-USD", "B-USD", "C-USD", "D-BTC", "E-USD", "F-USD")
    candles = candles_of(
        {
            name: random_rows(210, 40 + seed, volatility=0.003 + 0.001 * seed)
            for seed, name in enumerate(names)
        }
    )
    closes = candles.closes.copy()
    closes[5, 100:103] = closes[5, 150] = np.nan
    return replace(candles, closes=closes, spreads={"B-USD": 0.004})


@cache
def decided(
    changed: str | None = None,
) -> dict[datetime | None, tuple[tuple[Decision, ...], tuple[str, ...]]]:
    """Return decisions without their evidence, and the symbols left out, by time."""
    with_it = parameters(changed)
    if with_it.interval_seconds != market().interval_seconds:
        return {}
    return {
        one.state.completed_at: (
            tuple(replace(decision, breakdown={}) for decision in one.decisions), tuple(sorted(one.skipped)),
        )
        for one in MATRIX.walk(market(), StrategyState(), with_it)
    }  # fmt: skip


def test_every_field_of_the_model_has_its_case() -> None:
    assert set(OTHERWISE) == set(fields(Parameters))


@pytest.mark.parametrize("name", OTHERWISE)
def test_each_field_changes_a_decision_and_the_snapshot(name: str) -> None:
    usual, other = decided(), decided(name)
    common = usual.keys() & other.keys()  # fewer bars begin to decide earlier; that alone does not count

    assert name == "interval_seconds" or any(usual[time] != other[time] for time in common)
    assert (
        MATRIX.snapshot(parameters(), symbols="*").config_hash
        != MATRIX.snapshot(parameters(name), symbols="*").config_hash
    )


def test_the_interval_decides_which_candles_are_read() -> None:
    now = max(time for time in decided() if time is not None)
    other = MATRIX.decide(market(), StrategyState(), parameters("interval_seconds"), now)

    assert set(other.skipped.values()) == {"wrong_interval"}


def test_the_market_of_these_tests_has_every_kind_of_decision() -> None:
    every = [one for decisions, _ in decided().values() for one in decisions]

    assert {one.trigger for one in every} == {"score", "roc_momo"}
    assert {one.side for one in every} == {"buy", "sell"}
    assert {None, "hysteresis", "cooldown"} <= {one.guardrail for one in every}
    assert Decimal(0) < max(one.buy_score for one in every)
