"""Decisions are a function of closed bars, parameters and state; nothing else, and to the bit."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.domain.errors import InvalidInputError
from linkage.ports.market import Candles
from linkage.strategy.decisions import Decided, Decision
from linkage.strategy.state import LastSignal, StrategyState, SymbolState
from strategies.matrix.engine import decide
from strategies.matrix.parameters import Parameters, Weights
from strategies.matrix.strategy import MATRIX
from tests.strategies.matrix.markets import NOON, Row, candles_of, later, random_rows, rows_of
from tests.strategies.matrix.test_scoring import calm, falling

EAGER: dict[str, Any] = {
    "score_buy_target": Decimal("2.0"), "score_sell_target": Decimal("2.0"), "min_indicators": 1,
    "roc_momo_buy": 1.0, "roc_momo_sell": -1.0, "rsi_gate_low": 20.0, "rsi_gate_high": 80.0, "bars": 120,
}  # fmt: skip
EASY = Parameters(score_buy_target=Decimal("5.0"), score_sell_target=Decimal("5.0"))


def decide_on(
    rows: dict[str, list[Row]], parameters: Parameters = EASY, state: StrategyState | None = None
) -> Decided:
    return decide(candles_of(rows), state or StrategyState(), parameters, NOON)


def only(decided: Decided) -> Decision:
    assert len(decided.decisions) == 1
    return decided.decisions[0]


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    back=st.integers(1, 20),
    noise=st.floats(0.2, 5.0),
)
def test_no_later_bar_changes_a_decision(seed: int, back: int, noise: float) -> None:
    parameters = Parameters(**EAGER)
    rows = {"A-USD": random_rows(160, seed), "B-USD": random_rows(160, seed + 1)}
    known = {name: series[:-back] for name, series in rows.items()}
    changed = {
        name: series[:-back] + [tuple(value * noise for value in row) for row in series[-back:]]
        for name, series in rows.items()
    }
    now = later(-back)
    decisions = [
        decide(candles, StrategyState(), parameters, now)
        for candles in (candles_of(known, end=now), candles_of(rows), candles_of(changed))  # type: ignore[arg-type]
    ]

    assert decisions[0] == decisions[1] == decisions[2]


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_symbol_is_decided_alike_alone_and_among_others(seed: int) -> None:
    rows = {f"S{number}-USD": random_rows(120, seed + number) for number in range(5)}
    parameters = Parameters(**EAGER)
    together = decide_on(rows, parameters)
    alone = [decide_on({name: series}, parameters) for name, series in rows.items()]

    assert together.decisions == tuple(one for decided in alone for one in decided.decisions)


def test_the_same_input_gives_the_same_output_and_leaves_its_input_alone() -> None:
    candles = candles_of({"A-USD": random_rows(300, 5)})
    copies = [np.copy(values) for values in (candles.opens, candles.closes, candles.volumes)]
    state = StrategyState()

    assert decide(candles, state, EASY, NOON) == decide(candles, state, EASY, NOON)
    for before, after in zip(copies, (candles.opens, candles.closes, candles.volumes), strict=True):
        np.testing.assert_array_equal(before, after)
    assert state == StrategyState()


def test_a_decision_carries_what_its_order_needs() -> None:
    buy = only(decide_on({"A-BTC": rows_of(falling())}))

    assert (buy.side, buy.trigger, buy.order_type) == ("buy", "score", "limit")
    assert buy.price == Decimal("96.4")
    assert buy.notional == Decimal("0.002")
    assert (buy.take_profit, buy.stop_loss) == (Decimal("98.81"), Decimal("94.472"))
    assert (buy.bar_time, buy.decided_at) == (later(-1), NOON)
    sell = only(
        decide_on(
            {"A-USD": rows_of([200 - close for close in falling()])},
            Parameters(
                score_sell_target=Decimal("4.0"), weights=Weights(roc=Decimal(0)), order_notional=Decimal(20)
            ),
        )
    )
    assert (sell.side, sell.order_type, sell.notional, sell.take_profit) == ("sell", "market", None, None)
    assert sell.quantity == Decimal("0.19305019")


def test_the_larger_score_decides_and_equal_ones_do_not() -> None:
    rows = {"A-USD": rows_of(falling())}
    both: dict[str, Any] = {"score_buy_target": Decimal("4.0"), "score_sell_target": Decimal("4.0")}

    assert only(decide_on(rows, Parameters(**both))).side == "buy"
    equal = Weights(rsi=Decimal("1.5"))  # 1.2 + 1.5 + 1.5 = 2.0 + 2.2
    assert decide_on(rows, Parameters(**both, weights=equal)).decisions == ()
    less = Weights(rsi=Decimal("1.4"))
    assert only(decide_on(rows, Parameters(**both, weights=less))).side == "sell"


def test_the_target_itself_is_enough_and_a_little_more_is_not_reached() -> None:
    rows = {"A-USD": rows_of(falling())}

    assert only(decide_on(rows, Parameters(score_buy_target=Decimal("5.2")))).side == "buy"
    assert decide_on(rows, Parameters(score_buy_target=Decimal("5.2000001"))).decisions == ()


def turning() -> list[float]:
    """Calm, six wide bars down and four up: the rate is large and the RSI in the middle."""
    path = calm()[:-10]
    for change in (*[-2.4] * 6, 1.92, 2.4, 2.4, 3.36):
        path.append(path[-1] + change)
    return path


@pytest.mark.parametrize(("sign", "side"), [(1, "buy"), (-1, "sell")])
def test_the_momentum_rule_fires_and_has_its_own_line_of_evidence(sign: int, side: str) -> None:
    rows = {"A-USD": rows_of([100 + sign * (close - 100) for close in turning()])}
    decision = only(decide_on(rows, Parameters(min_indicators=1)))

    assert (decision.side, decision.trigger, decision.order_type) == (side, "roc_momo", "market")
    assert decision.breakdown["ROC Momentum"]["decision"] == 1
    assert abs(Decimal(str(decision.breakdown["ROC Momentum"]["value"]))) > Decimal("8.5")


@pytest.mark.parametrize(
    "changes",
    [
        {"roc_momo_buy": 12.0},
        {"roc_momo_min_change": 50.0},
        {"roc_momo_deviations": 10.0},
        {"rsi_gate_low": 52.0},
        {"rsi_gate_high": 50.0},
    ],
)
def test_the_momentum_rule_is_silent_when_one_of_its_conditions_does_not_hold(
    changes: dict[str, float],
) -> None:
    rows = {"A-USD": rows_of(turning())}

    assert decide_on(rows, Parameters(min_indicators=1)).decisions
    assert not decide_on(rows, Parameters.model_validate({"min_indicators": 1, **changes})).decisions


def test_the_momentum_rule_obeys_the_guardrails() -> None:
    rows = {"A-USD": rows_of(turning())}

    assert only(decide_on(rows, Parameters(min_indicators=7))).guardrail == "insufficient_indicators"


def test_a_sent_signal_is_remembered_and_a_suppressed_one_is_not() -> None:
    rows = {"A-USD": rows_of(falling()), "B-USD": rows_of(falling())}
    decided = decide_on(rows, Parameters(score_buy_target=Decimal("5.0"), exclusions=("B-USD",)))

    assert [(one.symbol, one.guardrail) for one in decided.decisions] == [
        ("A-USD", None),
        ("B-USD", "excluded_symbol"),
    ]
    assert decided.state.symbols == {"A-USD": SymbolState(LastSignal("buy", NOON))}
    assert decided.state.completed_at == NOON


def test_a_run_that_is_repeated_with_the_state_after_it_decides_the_same() -> None:
    rows = {"A-USD": rows_of(falling())}
    before = StrategyState({"A-USD": SymbolState(LastSignal("sell", later(-30)))})
    parameters = Parameters(score_buy_target=Decimal("5.0"), hysteresis=Decimal(0))
    first = decide_on(rows, parameters, before)
    again = decide_on(rows, parameters, first.state)

    assert first == again
    assert first.state.before("A-USD", NOON) == LastSignal("sell", later(-30))
    assert first.state.before("A-USD", later(1)) == LastSignal("buy", NOON)


def test_the_budget_keeps_some_and_names_itself_on_the_others() -> None:
    rows = {f"S{number}-USD": rows_of(falling()) for number in range(4)}
    decided = decide_on(rows, Parameters(score_buy_target=Decimal("5.0"), max_signals_per_run=3))

    assert [one.guardrail for one in decided.decisions] == [None, None, None, "linkage_budget"]


def test_a_wide_spread_suppresses() -> None:
    candles = replace(candles_of({"A-USD": rows_of(falling())}), spreads={"A-USD": 0.02})

    assert only(decide(candles, StrategyState(), EASY, NOON)).guardrail == "spread"


def test_a_decision_is_recomputed_from_its_snapshot_alone() -> None:
    candles = candles_of({"A-USD": rows_of(falling()), "B-USD": random_rows(320, 1)})
    decision = only(decide(candles, StrategyState(), EASY, NOON))
    stored = MATRIX.snapshot(EASY, symbols="*").parameters
    fact = {"symbol": "A-USD", "signalled_at": "2026-11-22T12:00:00Z"}

    assert MATRIX.recompute(fact, stored, candles) == decision
    other = MATRIX.snapshot(Parameters(rsi_buy=1.0), symbols="*").parameters
    assert MATRIX.recompute(fact, other, candles) is None


@pytest.mark.parametrize("fact", [{"symbol": "C-USD"}, {"symbol": "A-USD", "signalled_at": later(1)}])
def test_what_cannot_be_recomputed_is_said_to_be_so(fact: dict[str, Any]) -> None:
    candles: Candles = candles_of({"A-USD": rows_of(falling())})
    with pytest.raises(InvalidInputError):
        MATRIX.recompute(
            {"signalled_at": NOON, **fact}, MATRIX.snapshot(EASY, symbols="*").parameters, candles
        )


def test_no_symbols_no_decisions() -> None:
    empty = np.empty((0, 300))
    candles = Candles(
        symbols=(), interval_seconds=300, times=np.arange(300, dtype=np.int64),
        opens=empty, highs=empty, lows=empty, closes=empty, volumes=empty,
    )  # fmt: skip

    assert decide(candles, StrategyState(), EASY, NOON).decisions == ()
    assert not math.isnan(EASY.rsi_buy)
