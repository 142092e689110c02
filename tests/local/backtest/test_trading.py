"""What a backtest says of a moment depends on no bar that ended later."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.domain.canonical import parse_utc
from linkage.domain.paper import Rules
from linkage.ports.market import Candles
from local.backtest.history import History
from local.backtest.trading import Traded, trade
from strategies.matrix.parameters import Parameters
from strategies.matrix.strategy import MATRIX
from tests.strategies.matrix.markets import NOON, candles_of, random_rows

BARS = 72
LENGTH = 60
EAGER = Parameters(
    score_buy_target=Decimal(2), score_sell_target=Decimal(2), min_indicators=1, bars=BARS, clean_bars=3,
    cooldown_bars=3, max_bridged=0.08, take_profit=Decimal("0.006"), stop_loss=Decimal("0.005"),
)  # fmt: skip
STAMPS = {
    "signals": "signalled_at",
    "runs": "scheduled_at",
    "order_events": "updated_at",
    "fills": "executed_at",
}


def market(seed: int) -> Candles:
    return candles_of(
        {f"S{number}-USD": random_rows(BARS + LENGTH, seed + number) for number in range(2)}, end=NOON
    )


def told(candles: Candles, until: datetime) -> list[str]:
    """Return every fact of a backtest that is stamped then or before, in its order."""
    step = timedelta(seconds=candles.interval_seconds)
    first = parse_utc("1970-01-01T00:00:00Z") + timedelta(seconds=int(candles.times[BARS - 1])) + step
    history = History(
        MATRIX, EAGER, MATRIX.snapshot(EAGER, symbols="*"), candles, first,
        first + step * (len(candles.times) - BARS + 1), Rules(), 1, "",
    )  # fmt: skip
    facts = [
        (kind, fact)
        for batch in trade(history, Traded(), lambda *_: None)
        for kind in STAMPS
        for fact in getattr(batch, kind)
    ]
    return [f"{kind} {fact}" for kind, fact in facts if parse_utc(json.loads(fact)[STAMPS[kind]]) <= until]


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    back=st.integers(1, 40),
    factor=st.sampled_from([1.02, 3.0, 0.2, float("nan")]),
)
def test_no_later_bar_changes_a_decision_or_a_fill_before_it(seed: int, back: int, factor: float) -> None:
    candles = market(seed)
    prices = {name: getattr(candles, name) for name in ("opens", "highs", "lows", "closes", "volumes")}
    factors = np.where(np.arange(BARS + LENGTH) >= BARS + LENGTH - back, factor, 1.0)
    changed = replace(candles, **{name: values * factors for name, values in prices.items()})
    shorter = replace(
        candles, times=candles.times[:-back], **{name: values[:, :-back] for name, values in prices.items()}
    )
    until = NOON - back * timedelta(minutes=5)

    known = told(shorter, until)
    assert told(candles, until) == known
    assert told(changed, until) == known


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_markets_of_this_test_have_decisions_and_fills(seed: int) -> None:
    kinds = Counter(fact.partition(" ")[0] for fact in told(market(seed), NOON))

    assert min(kinds[kind] for kind in STAMPS) > 10
