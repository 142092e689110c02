"""What holds for each indicator of the registry, whichever it is: a new one is tested by being there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from inspect import get_annotations
from typing import Any

import numpy as np
import pytest

from linkage.strategy.window import Window
from strategies.matrix.indicators.indicator import Indicator, Measured
from strategies.matrix.indicators.registry import INDICATORS
from strategies.matrix.indicators.studies import Studies, StudyParameters
from strategies.matrix.parameters import Parameters
from tests.strategies.matrix.markets import Row, block_of, random_rows, rows_of

every_indicator = pytest.mark.parametrize("indicator", INDICATORS, ids=lambda indicator: indicator.name)
every_set = pytest.mark.parametrize("parameters", [
    Parameters(),
    Parameters(
        bollinger_period=9, rsi_period=31, atr_period=25, macd_fast=3, macd_slow=11, macd_signal=5,
        roc_period=17, swing_bars=8, pattern_bars=12, volume_period=50,
    ),
    Parameters(bollinger_period=60, macd_slow=12, macd_fast=11, macd_signal=2, swing_bars=45),
], ids=["defaults", "others", "long"])  # fmt: skip


def measured(indicator: Indicator[Any], window: Window, parameters: Any) -> Measured:
    studies = Studies(window, parameters, depth=indicator.depth(parameters))
    return indicator.compute(studies, parameters)


def waves() -> Iterator[list[Row]]:
    """Yield markets that calm down, rise, fall, turn and jump, in many sizes, and then random ones."""
    for size in (0.05, 0.3, 1.0, 3.0):
        for phase in range(24):
            closes = [100 + size * math.sin((bar + phase) / 4) for bar in range(200)]
            yield rows_of(closes, wick=size / 10)
            for step in (-size, size):
                moved = [*closes[:-5], *(closes[-6] + step * bar for bar in range(1, 6))]
                yield [*rows_of(moved, wick=size / 20)[:-1], (moved[-2], *_last(moved), 40.0)]
    for seed in range(300):
        yield random_rows(200, seed, volatility=0.002 + 0.002 * (seed % 4))


def _last(closes: list[float]) -> tuple[float, float, float]:
    return max(closes[-2:]), min(closes[-2:]), closes[-1]


@cache
def many_markets() -> Window:
    return block_of(list(waves()), 200)


@every_indicator
def test_both_sides_fire_and_are_silent(indicator: Indicator[Any]) -> None:
    known, buy, sell = measured(indicator, many_markets(), Parameters())

    assert known.all()
    for side in (buy, sell):
        assert side.fires.any()
        assert not side.fires.all()
    assert (buy.fires & ~sell.fires).any()
    assert (sell.fires & ~buy.fires).any()


@every_set
@every_indicator
def test_the_warm_up_is_exact(indicator: Indicator[Any], parameters: Any) -> None:
    markets, bars = [random_rows(200, seed) for seed in range(5)], indicator.warmup_bars(parameters)

    assert measured(indicator, block_of(markets, bars), parameters).known.all()
    assert not measured(indicator, block_of(markets, bars - 1), parameters).known.any()
    assert not measured(indicator, block_of(markets, 1), parameters).known.any()


@every_indicator
def test_a_symbol_is_measured_alike_alone_and_among_others(indicator: Indicator[Any]) -> None:
    markets = [random_rows(150, seed) for seed in range(7)]
    together = measured(indicator, block_of(markets, 150), Parameters())
    for column, rows in enumerate(markets):
        alone = measured(indicator, block_of([rows], 150), Parameters())
        for ours, theirs in zip(together[1:], alone[1:], strict=True):
            for one, other in zip(ours, theirs, strict=True):
                values = np.broadcast_to(np.asarray(one), (len(markets),))
                np.testing.assert_array_equal(values[column], np.broadcast_to(np.asarray(other), (1,))[0])


@every_indicator
def test_deeper_studies_change_nothing(indicator: Indicator[Any]) -> None:
    window, parameters = block_of([random_rows(150, seed) for seed in range(5)], 150), Parameters()
    deeper = indicator.compute(Studies(window, parameters, depth=150), parameters)
    for ours, theirs in zip(measured(indicator, window, parameters)[1:], deeper[1:], strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


def test_names_are_told_apart_and_each_field_is_declared_once() -> None:
    sides = [side.name for indicator in INDICATORS for side in (indicator.buy, indicator.sell)]
    assert len({*sides}) == len(sides)
    assert len({indicator.name for indicator in INDICATORS}) == len(INDICATORS)
    declared = [name for model in Parameters.__mro__ for name in get_annotations(model)]
    twice = {name for name in declared if declared.count(name) > 1} - {"bars"}
    assert not {name for name in twice if name in Parameters.model_fields}


def test_each_indicator_says_where_its_definition_is_from_and_whose_parameters_it_reads() -> None:
    for indicator in INDICATORS:
        assert indicator.source
        assert issubclass(indicator.parameters, StudyParameters)
        assert issubclass(Parameters, indicator.parameters)
        assert Parameters().warmup_bars >= indicator.warmup_bars(Parameters())
