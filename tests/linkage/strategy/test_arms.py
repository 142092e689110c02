"""Arms: which set of parameters decides on which symbol and bar."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from linkage.domain.errors import ConfigurationError
from linkage.strategy.arms import choose_arm, default_arms, parse_arms
from strategies.matrix.parameters import Parameters
from strategies.matrix.strategy import MATRIX

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TWO = """
rsi_buy = 30
label = "calm"
[weights]
rsi = 3
[arms.main]
share = 0.7
[arms.challenger]
share = 0.3
label = "bold"
score_buy_target = 4
[arms.challenger.weights]
macd = 2
"""


def test_a_document_without_arms_is_one_arm_with_every_bar() -> None:
    (arm,) = parse_arms(MATRIX, "rsi_buy = 30")
    assert (arm.name, arm.share) == ("main", Decimal(1))
    assert arm.parameters == Parameters(rsi_buy=30.0)
    assert default_arms(MATRIX)[0].parameters == Parameters()


def test_what_stands_outside_counts_for_all_arms_and_an_arm_overrides_it() -> None:
    challenger, main = parse_arms(MATRIX, TWO)
    assert (challenger.name, challenger.share, challenger.label) == ("challenger", Decimal("0.3"), "bold")
    assert (main.name, main.share, main.label) == ("main", Decimal("0.7"), "calm")
    assert isinstance(challenger.parameters, Parameters)
    assert isinstance(main.parameters, Parameters)
    assert challenger.parameters.rsi_buy == main.parameters.rsi_buy == 30
    assert (challenger.parameters.weights.rsi, challenger.parameters.weights.macd) == (Decimal(3), Decimal(2))
    assert main.parameters.weights.macd == Decimal("1.8")
    targets = (challenger.parameters.score_buy_target, main.parameters.score_buy_target)
    assert targets == (Decimal(4), Decimal("5.5"))


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (TWO.replace("0.7", "0.6"), "arms"),
        (TWO.replace("0.7", "true"), "arms.main.share"),
        (TWO.replace("0.7", "0.0"), "arms.main.share"),
        (TWO.replace("[arms.main]\nshare = 0.7", "[arms.main]"), "arms.main.share"),
        (TWO.replace("macd = 2", "macb = 2"), "arms.challenger.weights.macb"),
        (TWO.replace("score_buy_target = 4", "score_buy_target = -4"), "arms.challenger.score_buy_target"),
        (TWO.replace("rsi = 3", 'rsi = "three"'), "weights.rsi"),
        (TWO.replace("arms.challenger", "arms.Challenger"), "arms.Challenger"),
        (TWO.replace("score_buy_target = 4", "interval_seconds = 900"), "arms.main.interval_seconds"),
        (TWO.replace('"calm"', "7"), "label"),
        ("arms = 2", "arms"),
        ("[arms]", "arms"),
        ("arms.main = 1", "arms.main"),
    ],
)
def test_a_document_whose_arms_are_wrong_is_refused_with_the_path(document: str, field: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_arms(MATRIX, document)
    assert refused.value.field == field


def test_the_choice_is_the_same_every_time_and_has_the_shares_that_were_asked_for() -> None:
    arms = parse_arms(MATRIX, TWO)
    places = [(f"S{n}-USD", NOON + timedelta(minutes=5 * bar)) for n in range(10) for bar in range(400)]
    chosen = [choose_arm(arms, "matrix", *place).name for place in places]
    assert chosen == [choose_arm(arms, "matrix", *place).name for place in places]
    assert Counter(chosen)["challenger"] / len(chosen) == pytest.approx(0.3, abs=0.03)
    # Over time each symbol meets both, and so does each bar over the symbols.
    for symbol in range(10):
        assert set(chosen[symbol * 400 : (symbol + 1) * 400]) == {"main", "challenger"}


def test_another_strategy_chooses_otherwise() -> None:
    arms = parse_arms(MATRIX, TWO)
    bars = [NOON + timedelta(minutes=5 * bar) for bar in range(50)]
    assert [choose_arm(arms, "a", "S", bar) for bar in bars] != [
        choose_arm(arms, "b", "S", bar) for bar in bars
    ]
