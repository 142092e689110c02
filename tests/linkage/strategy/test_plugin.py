"""What every strategy gets from its model and its one function."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from linkage.domain.errors import ConfigurationError
from linkage.ports.market import Candles
from linkage.strategy.decisions import Decided, Decision, sent_signals
from linkage.strategy.parameters import StrategyParameters
from linkage.strategy.plugin import Strategy, load_strategy
from linkage.strategy.state import LastSignal, StrategyState
from strategies.matrix.parameters import Parameters
from strategies.matrix.strategy import MATRIX
from tests.strategies.matrix.markets import NOON, candles_of, later, random_rows

EAGER = Parameters(score_buy_target=Decimal(2), score_sell_target=Decimal(2), min_indicators=1, bars=120)


def nothing(_c: Candles, state: StrategyState, _p: StrategyParameters, closed: datetime) -> Decided:
    return Decided.after((), state=state, closed=closed, seen=0, skipped={})


class Tags(StrategyParameters):
    tags: frozenset[str] = frozenset({"b", "a", "c"})


def test_the_reference_strategy_is_found_by_its_path_and_hashes_its_own_package() -> None:
    assert load_strategy("strategies.matrix.strategy:MATRIX") is MATRIX
    assert MATRIX.package == "strategies.matrix"


def test_a_set_has_one_spelling_in_a_snapshot() -> None:
    strategy = Strategy(name="tags", package="linkage.strategy", parameters=Tags, decide=nothing)
    texts = [["c", "a", "b"], ["a", "b", "c"], ["b", "b", "c", "a"]]
    snapshots = {strategy.snapshot(Tags(tags=frozenset(text)), symbols="*").config_hash for text in texts}

    assert len(snapshots) == 1
    assert strategy.describe(Tags(), symbols="*")["tags"] == ["a", "b", "c"]
    assert strategy.parameters_of(strategy.describe(Tags(), symbols="*")) == Tags()


@pytest.mark.parametrize("name", ["", "Matrix", "a" * 33, "a b", "1a"])
def test_a_name_has_to_fit_into_keys(name: str) -> None:
    with pytest.raises(ConfigurationError, match="is no name"):
        Strategy(name=name, package="linkage.strategy", parameters=Tags, decide=nothing)


def test_decisions_are_sorted_and_the_sent_ones_are_remembered() -> None:
    def decision(symbol: str, guardrail: str | None = None) -> Decision:
        return Decision(
            symbol=symbol, side="buy", price=Decimal(1), bar_time=later(-1), decided_at=NOON,
            guardrail=guardrail,
        )  # fmt: skip

    made = [decision("C-USD"), decision("A-USD"), decision("B-USD", "spread")]
    decided = Decided.after(made, state=StrategyState(), closed=NOON, seen=3, skipped={})

    assert [one.symbol for one in decided.decisions] == ["A-USD", "B-USD", "C-USD"]
    assert {name: known.last for name, known in decided.state.symbols.items()} == {
        "A-USD": LastSignal("buy", NOON), "C-USD": LastSignal("buy", NOON),
    }  # fmt: skip
    assert sent_signals(made).keys() == {"A-USD", "C-USD"}


def test_a_walk_decides_bar_by_bar_with_the_state_of_the_bar_before() -> None:
    strategy = replace(MATRIX, series=None)
    candles = candles_of({name: random_rows(150, seed) for seed, name in enumerate(("A-USD", "B-USD"))})
    walked = list(strategy.walk(candles, StrategyState(), EAGER))

    state, decisions = StrategyState(), 0
    for bar, decided in zip(range(-30, 1), walked, strict=True):
        assert decided == strategy.decide(candles, state, EAGER, later(bar))
        assert decided.state.completed_at == later(bar)
        state, decisions = decided.state, decisions + len(decided.decisions)
    assert decisions >= 3
