"""One pure function from candles, state and parameters to decisions and a new state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from linkage.ports.market import Candles
from linkage.strategy.arrays import Flags
from linkage.strategy.candles import last_close
from linkage.strategy.decisions import Decided, Decision
from linkage.strategy.state import Side, StrategyState
from linkage.strategy.window import Window, select_window
from strategies.matrix.guardrails import (
    LINKAGE_BUDGET,
    Candidate,
    Context,
    first_objection,
    over_budget,
)
from strategies.matrix.momentum import MOMENTUM
from strategies.matrix.parameters import Parameters
from strategies.matrix.scoring import (
    Readings,
    Score,
    evidence,
    read_indicators,
    score,
    to_decimal,
)


def decide(candles: Candles, state: StrategyState, parameters: Parameters, now: datetime) -> Decided:
    """Decide at ``now`` for every symbol. Same input, same output, to the bit.

    Args:
        candles: at least ``parameters.bars`` closed bars; bars that were not closed at ``now`` are not read.
        state: of the runs before.
        parameters: everything else that has a say.
        now: the run's clock, aware UTC.
    """
    window = select_window(candles, parameters, now)
    closed = last_close(now, parameters.interval_seconds)
    if not window.symbols:
        return Decided((), state.with_signals({}, closed), 0, window.skipped)
    readings = read_indicators(window, parameters)
    columns = [int(column) for column in np.flatnonzero(promising(readings, parameters))]
    decisions = choose(window, readings, columns, state, candles.spreads, parameters, closed)
    return Decided.after(
        decisions, state=state, closed=closed, seen=len(window.symbols), skipped=window.skipped
    )


def choose(
    window: Window,
    readings: Readings,
    columns: Iterable[int],
    state: StrategyState,
    spreads: Mapping[str, float],
    parameters: Parameters,
    closed: datetime,
) -> tuple[Decision, ...]:
    """Return the decisions on these columns of one bar, those that a guardrail holds back with its name."""
    closes = window.closes[-1]
    found: list[tuple[Candidate, str | None, Decision]] = []
    for column in columns:
        symbol = window.symbols[column]
        result = score(readings, column)
        candidate = _candidate(symbol, result, readings, column, parameters)
        if candidate is None:
            continue
        context = Context(parameters, closed, state.before(symbol, closed), spreads)
        decision = _decision(candidate, result, readings, column, float(closes[column]), parameters, closed)
        found.append((candidate, first_objection(candidate, context), decision))

    free = [candidate for candidate, objection, _ in found if objection is None]
    crowded_out = over_budget(free, parameters.max_signals_per_run)
    return tuple(
        replace(
            decision, guardrail=objection or (LINKAGE_BUDGET if candidate.symbol in crowded_out else None)
        )
        for candidate, objection, decision in found
    )


def promising(readings: Readings, parameters: Parameters) -> Flags:
    """Tell which columns may have a decision; the exact sums are made for these only."""
    sides = ((readings.buy, parameters.score_buy_target), (readings.sell, parameters.score_sell_target))
    may = readings.momentum_buy.fires | readings.momentum_sell.fires
    for side, target in sides:
        total = np.zeros(len(may))
        for reading in side:
            total += reading.fires * float(reading.weight)
        may |= total >= float(target) - 1e-6
    return may


def _candidate(
    symbol: str, result: Score, readings: Readings, column: int, parameters: Parameters
) -> Candidate | None:
    """Return what the rules say: the momentum rule first, then the larger score that reaches its target."""
    for momentum, side, fired in (
        (readings.momentum_buy, "buy", result.buy_fired),
        (readings.momentum_sell, "sell", result.sell_fired),
    ):
        if momentum.fires[column]:
            rate, threshold = to_decimal(momentum.value[column]), to_decimal(momentum.threshold[column])
            strength = rate / threshold if threshold else Decimal("Infinity")
            return Candidate(
                symbol=symbol, side=_side(side), trigger="roc_momo", strength=strength, fired=fired
            )
    buys = result.buy >= parameters.score_buy_target
    sells = result.sell >= parameters.score_sell_target
    if buys and sells and result.buy == result.sell:
        return None
    if buys and (not sells or result.buy > result.sell):
        strength = result.buy / parameters.score_buy_target
        return Candidate(
            symbol=symbol, side="buy", trigger="score", strength=strength, fired=result.buy_fired
        )
    if sells:
        strength = result.sell / parameters.score_sell_target
        return Candidate(
            symbol=symbol, side="sell", trigger="score", strength=strength, fired=result.sell_fired
        )
    return None


def _decision(
    candidate: Candidate,
    result: Score,
    readings: Readings,
    column: int,
    close: float,
    parameters: Parameters,
    closed: datetime,
) -> Decision:
    breakdown = dict(result.breakdown)
    if candidate.trigger == "roc_momo":
        momentum = readings.momentum_buy if candidate.side == "buy" else readings.momentum_sell
        breakdown[MOMENTUM] = evidence(momentum, column)
    price = to_decimal(close)
    notional = parameters.notional_of(candidate.symbol.partition(":")[0].rpartition("-")[2])
    entry = candidate.side == "buy"
    order_type = parameters.entry_order_type if entry and candidate.trigger == "score" else "market"
    if order_type == "limit":
        price = _rounded(price * (1 - parameters.limit_offset))
    return Decision(
        symbol=candidate.symbol,
        side=candidate.side,
        trigger=candidate.trigger,
        buy_score=result.buy,
        sell_score=result.sell,
        fired=candidate.fired,
        breakdown=breakdown,
        price=price,
        order_type=order_type,
        notional=notional if entry else None,
        quantity=None if entry else _rounded(notional / price),
        take_profit=_rounded(price * (1 + parameters.take_profit))
        if entry and parameters.take_profit
        else None,
        stop_loss=_rounded(price * (1 - parameters.stop_loss)) if entry and parameters.stop_loss else None,
        bar_time=closed - timedelta(seconds=parameters.interval_seconds),
        decided_at=closed,
    )


def _rounded(value: Decimal) -> Decimal:
    return Decimal(f"{value:.8g}")


def _side(text: str) -> Side:
    return "buy" if text == "buy" else "sell"
