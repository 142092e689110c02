"""A walk decides what the runs would have decided, bar by bar, whatever the candles are like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.domain.errors import InvalidInputError
from linkage.ports.market import Candles
from linkage.strategy.arrays import Floats
from linkage.strategy.candles import only_symbol
from linkage.strategy.state import StrategyState
from linkage.strategy.window import REASONS
from strategies.matrix.parameters import Parameters
from strategies.matrix.strategy import MATRIX
from tests.strategies.matrix.markets import candles_of, later, random_rows

BARS = 72
EAGER = Parameters(
    score_buy_target=Decimal(2), score_sell_target=Decimal(2), min_indicators=1, bars=BARS, clean_bars=3,
    roc_momo_buy=1.0, roc_momo_sell=-1.0, rsi_gate_low=20.0, rsi_gate_high=80.0, max_bridged=0.08,
    cooldown_bars=3, max_signals_per_run=2, exclusions=("S1-USD",),
)  # fmt: skip
ONE_BY_ONE = replace(MATRIX, series=None)


def market(seed: int, *, bars: int, symbols: int = 3) -> Candles:
    """Return candles in which bars are missing, broken, and without volume, here and there."""
    candles = candles_of({f"S{number}-USD": random_rows(bars, seed + number) for number in range(symbols)})
    random = np.random.default_rng(seed)

    def some(share: float) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        chosen = random.random(candles.closes.shape) < share
        chosen[: symbols // 2] = False  # half of the symbols are whole
        return chosen

    missing = some(0.06)
    missing[-1, : int(random.integers(0, 40))] = True  # listed later
    opens, highs, lows, closes, volumes = (
        np.where(missing, np.nan, values)
        for values in (candles.opens, candles.highs, candles.lows, candles.closes, candles.volumes)
    )
    volumes[some(0.01)] = 0.0
    lows[some(0.001)] = np.nan
    highs[some(0.001)] = np.inf
    closes[some(0.001)] = 0.0
    return replace(candles, opens=opens, highs=highs, lows=lows, closes=closes, volumes=volumes)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), length=st.integers(0, 40), symbols=st.integers(1, 4))
def test_a_walk_decides_what_each_bar_alone_decides(seed: int, length: int, symbols: int) -> None:
    candles = replace(market(seed, bars=BARS + length, symbols=symbols), refused={"Z-USD": "duplicates"})
    walked = list(MATRIX.walk(candles, StrategyState(), EAGER))

    assert walked == list(ONE_BY_ONE.walk(candles, StrategyState(), EAGER))
    assert len(walked) == length + 1


def test_the_markets_of_this_test_have_all_that_can_go_wrong_and_decisions_none_the_less() -> None:
    reasons, guardrails = Counter[str](), Counter[str | None]()
    for seed in range(8):
        for decided in MATRIX.walk(market(seed * 10, bars=150), StrategyState(), EAGER):
            reasons.update(decided.skipped.values())
            guardrails.update(one.guardrail for one in decided.decisions)

    assert set(reasons) == set(REASONS)
    assert {None, "hysteresis", "cooldown", "excluded_symbol"} <= set(guardrails)


def test_windows_computed_in_several_portions_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    candles = market(3, bars=BARS + 40)
    in_one = list(MATRIX.walk(candles, StrategyState(), EAGER))
    monkeypatch.setattr("strategies.matrix.series._AT_ONCE", 21)

    assert list(MATRIX.walk(candles, StrategyState(), EAGER)) == in_one


def each(candles: Candles, change: Callable[[Floats], Floats]) -> Candles:
    """Return the candles with every array changed."""
    opens, highs, lows, closes, volumes = (
        change(values)
        for values in (candles.opens, candles.highs, candles.lows, candles.closes, candles.volumes)
    )
    times = candles.times[: closes.shape[1]]
    return replace(candles, times=times, opens=opens, highs=highs, lows=lows, closes=closes, volumes=volumes)


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    back=st.integers(1, 25),
    factor=st.sampled_from([3.0, 0.2, float("nan")]),
)
def test_no_later_bar_changes_what_a_walk_decided_before_it(seed: int, back: int, factor: float) -> None:
    candles = market(seed, bars=BARS + 30)
    factors = np.where(np.arange(BARS + 30) >= BARS + 30 - back, factor, 1.0)
    changed, shorter = each(candles, lambda x: x * factors), each(candles, lambda x: x[:, :-back])
    known = list(MATRIX.walk(shorter, StrategyState(), EAGER))

    assert list(MATRIX.walk(changed, StrategyState(), EAGER))[:-back] == known
    assert list(MATRIX.walk(candles, StrategyState(), EAGER))[:-back] == known


def test_each_decided_names_its_bar_and_the_last_is_that_of_a_run_at_the_end() -> None:
    candles = market(5, bars=BARS + 5)
    walked = list(MATRIX.walk(candles, StrategyState(), EAGER))

    assert [one.state.completed_at for one in walked] == [later(bar) for bar in range(-5, 1)]
    assert MATRIX.decide(candles, walked[-2].state, EAGER, later(0)) == walked[-1]


def test_candles_of_another_interval_and_no_candles_at_all() -> None:
    candles = market(5, bars=BARS)
    with pytest.raises(InvalidInputError, match="300 s do not suit parameters for 900 s"):
        next(MATRIX.walk(candles, StrategyState(), EAGER.model_copy(update={"interval_seconds": 900})))
    (nothing,) = MATRIX.walk(only_symbol(candles, "Q-USD"), StrategyState(), EAGER)
    assert (nothing.decisions, nothing.seen, nothing.skipped) == ((), 0, {"Q-USD": "unknown_symbol"})
