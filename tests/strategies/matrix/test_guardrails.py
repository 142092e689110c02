"""Guardrails object in their order, each for its own reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from linkage.strategy.state import LastSignal
from strategies.matrix.guardrails import (
    GUARDRAILS,
    Candidate,
    Context,
    first_objection,
    over_budget,
)
from strategies.matrix.parameters import Parameters
from tests.strategies.matrix.markets import NOON, later

BUY = Candidate(
    symbol="A-USD", side="buy", trigger="score", strength=Decimal("1.05"), fired=("Buy RSI", "Buy Touch")
)


def context(last: LastSignal | None = None, spread: float = 0.0, **changes: Any) -> Context:
    return Context(Parameters(**changes), NOON, last, {"A-USD": spread})


def test_without_a_reason_nothing_objects() -> None:
    assert first_objection(BUY, context(LastSignal("buy", later(-1)))) is None
    assert first_objection(BUY, Context(Parameters(), NOON)) is None


@pytest.mark.parametrize(
    ("name", "objecting", "silent"),
    [
        ("insufficient_indicators", context(min_indicators=3), context(min_indicators=2)),
        ("hysteresis", context(LastSignal("sell", later(-50))), context(LastSignal("buy", later(-50)))),
        (
            "cooldown",
            context(LastSignal("sell", later(-6)), hysteresis=Decimal(0)),
            context(LastSignal("sell", later(-7)), hysteresis=Decimal(0)),
        ),
        ("excluded_symbol", context(exclusions=("A-USD",)), context(exclusions=("B-USD",))),
        ("spread", context(spread=0.0051), context(spread=0.005)),
    ],
)
def test_each_guardrail_objects_and_is_silent(name: str, objecting: Context, silent: Context) -> None:
    assert first_objection(BUY, objecting) == name
    assert first_objection(BUY, silent) is None


def test_a_flip_needs_the_target_and_its_margin() -> None:
    flipping = context(LastSignal("sell", later(-50)))
    strong = replace(BUY, strength=Decimal("1.1"))

    assert first_objection(strong, flipping) is None


def test_the_first_objection_names_the_signal() -> None:
    everything = Context(
        Parameters(min_indicators=3, exclusions=("A-USD",)),
        NOON,
        LastSignal("sell", NOON - timedelta(minutes=5)),
        {"A-USD": 1.0},
    )

    assert [name for name, objects in GUARDRAILS if objects(BUY, everything)] == [
        "insufficient_indicators",
        "hysteresis",
        "cooldown",
        "excluded_symbol",
        "spread",
    ]
    assert first_objection(BUY, everything) == "insufficient_indicators"


def test_a_budget_keeps_the_strongest_whatever_their_order() -> None:
    some = [
        replace(BUY, symbol=symbol, strength=Decimal(strength))
        for symbol, strength in (("A", "1.1"), ("B", "1.3"), ("C", "1.1"), ("D", "1.2"))
    ]

    assert over_budget(some, 3) == over_budget(some[::-1], 3) == {"C"}
    assert over_budget(some, 4) == frozenset()
