"""No parameter is idle: each one, changed alone, changes a decision, and is in the snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from linkage.ports.market import Candles
from linkage.strategy.decisions import Decision
from linkage.strategy.state import StrategyState
from strategies.matrix.parameters import Parameters
from strategies.matrix.strategy import MATRIX
from tests.strategies.matrix.markets import candles_of, random_rows

Decisions = dict[datetime | None, tuple[tuple[Decision, ...], tuple[str, ...]]]

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
"""Another value for a field. Of a field that is not here, several others are tried."""


def fields(model: type[BaseModel], path: str = "") -> Iterator[str]:
    for name, each in model.model_fields.items():
        if isinstance(each.annotation, type) and issubclass(each.annotation, BaseModel):
            yield from fields(each.annotation, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def other_values(name: str) -> list[Any]:
    """Return other values of a field, of which one at least has to change a decision."""
    if name in OTHERWISE:
        return [OTHERWISE[name]]
    group, _, field = name.rpartition(".")
    default = getattr(Parameters().weights if group else Parameters(), field)
    number = type(default)
    return [number(each) for each in (default * 2, default * 3, number(0), number(1), number(5))]


def parameters(changed: str | None = None, value: Any = None) -> Parameters:
    values = dict(USUAL)
    if changed is not None:
        group, _, name = changed.rpartition(".")
        values |= {group: {**USUAL[group], name: value}} if group else {name: value}
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
def usual() -> Decisions:
    return decided(parameters())


def decided(with_it: Parameters) -> Decisions:
    """Return decisions without their evidence, and the symbols left out, by time."""
    return {
        one.state.completed_at: (
            tuple(replace(decision, breakdown={}) for decision in one.decisions), tuple(sorted(one.skipped)),
        )
        for one in MATRIX.walk(market(), StrategyState(), with_it)
    }  # fmt: skip


def differ(other: Decisions) -> bool:
    """Tell whether decisions at the same times differ; fewer bars begin to decide earlier, which is none."""
    return any(usual()[time] != other[time] for time in usual().keys() & other.keys())


def test_every_other_value_is_of_a_field_of_the_model() -> None:
    assert OTHERWISE.keys() <= set(fields(Parameters))


@pytest.mark.parametrize("name", [name for name in fields(Parameters) if name != "interval_seconds"])
def test_each_field_changes_a_decision(name: str) -> None:
    sets = []
    for value in other_values(name):
        with suppress(ValidationError):
            sets.append(parameters(name, value))

    assert any(differ(decided(each)) for each in sets)


@pytest.mark.parametrize("name", OTHERWISE)
def test_each_field_changes_the_snapshot(name: str) -> None:
    other = parameters(name, OTHERWISE[name])

    assert (
        MATRIX.snapshot(parameters(), symbols="*").config_hash
        != MATRIX.snapshot(other, symbols="*").config_hash
    )


def test_the_interval_decides_which_candles_are_read() -> None:
    now = max(time for time in usual() if time is not None)
    other = MATRIX.decide(market(), StrategyState(), parameters("interval_seconds", 900), now)

    assert set(other.skipped.values()) == {"wrong_interval"}


def test_the_market_of_these_tests_has_every_kind_of_decision() -> None:
    every = [one for decisions, _ in usual().values() for one in decisions]

    assert {one.trigger for one in every} == {"score", "roc_momo"}
    assert {one.side for one in every} == {"buy", "sell"}
    assert {None, "hysteresis", "cooldown"} <= {one.guardrail for one in every}
    assert Decimal(0) < max(one.buy_score for one in every)
