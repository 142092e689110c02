"""The decisions of a strategy at many bars, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TypeVar

from linkage.ports.market import Candles
from linkage.strategy.candles import only_bars
from linkage.strategy.decisions import Decided
from linkage.strategy.parameters import StrategyParameters
from linkage.strategy.state import StrategyState

P = TypeVar("P", bound=StrategyParameters)


def has_interval(candles: Candles, parameters: StrategyParameters) -> bool:
    """Tell whether the candles are of the parameters' interval."""
    return candles.interval_seconds == parameters.interval_seconds


def walk(
    candles: Candles,
    state: StrategyState,
    parameters: P,
    *,
    decide: Callable[[Candles, StrategyState, P, datetime], Decided],
    series: Callable[[Candles, StrategyState, P], Iterator[Decided]] | None,
) -> Iterator[Decided]:
    """Yield what is decided at each bar with a full window; see ``Strategy``, whose functions these are."""
    if series is not None and candles.symbols:
        yield from series(candles, state, parameters)
        return
    for last in range(parameters.bars - 1, len(candles.times)):
        closed = datetime.fromtimestamp(int(candles.times[last]) + candles.interval_seconds, UTC)
        seen = only_bars(candles, last - parameters.bars + 1, last + 1)
        decided = decide(seen, state, parameters, closed)
        state = decided.state
        yield decided
