"""One pure function from candles, state and parameters to decisions and a new state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from linkage.domain.errors import InvalidInputError
from linkage.domain.times import parse_utc
from linkage.ports import Candles
from linkage.strategy.guardrails import (
    LINKAGE_BUDGET,
    Candidate,
    Context,
    LastSignal,
    Side,
    first_objection,
    over_budget,
)
from linkage.strategy.parameters import Parameters, parameters_of_snapshot
from linkage.strategy.scoring import (
    MOMENTUM,
    Breakdown,
    Readings,
    Score,
    evidence,
    read_indicators,
    score,
    to_decimal,
)
from linkage.strategy.state import StrategyState
from linkage.strategy.window import last_close_time, select_window


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision for one symbol and side, with its evidence.

    Attributes:
        guardrail: what held it back; None when it is to be sent.
        price: the close, or the limit of a limit order, in the quote currency.
        notional: of an entry, in the quote currency. quantity: of an exit, in the base currency.
        bar_time: start of its bar; decided_at: close of its bar. Aware UTC.
    """

    symbol: str
    side: Side
    trigger: str
    buy_score: Decimal
    sell_score: Decimal
    fired: tuple[str, ...]
    breakdown: Breakdown
    price: Decimal
    order_type: str
    notional: Decimal | None
    quantity: Decimal | None
    take_profit: Decimal | None
    stop_loss: Decimal | None
    bar_time: datetime
    decided_at: datetime
    guardrail: str | None = None

    @property
    def is_sent(self) -> bool:
        """Tell whether no guardrail held it back."""
        return self.guardrail is None


@dataclass(frozen=True, slots=True)
class Decided:
    """What a run decided.

    Attributes:
        decisions: sorted by symbol; at most one per symbol.
        state: as it is once all decisions without a guardrail are sent.
        seen: how many symbols were computed. skipped: symbol to reason.
    """

    decisions: tuple[Decision, ...]
    state: StrategyState
    seen: int
    skipped: Mapping[str, str]


def decide(candles: Candles, state: StrategyState, parameters: Parameters, now: datetime) -> Decided:
    """Decide at ``now`` for every symbol. Same input, same output, to the bit.

    Args:
        candles: at least ``parameters.bars`` closed bars; bars that were not closed at ``now`` are not read.
        state: of the runs before.
        parameters: everything else that has a say.
        now: the run's clock, aware UTC.
    """
    window = select_window(candles, parameters, now)
    closed = datetime.fromtimestamp(last_close_time(now, parameters.interval_seconds), UTC)
    if not window.symbols:
        return Decided((), state.with_signals({}, closed), 0, window.skipped)
    readings = read_indicators(window, parameters)
    closes = window.closes[-1]

    found: list[tuple[Candidate, str | None, Decision]] = []
    for column in _promising(readings, parameters):
        symbol = window.symbols[column]
        result = score(readings, column)
        candidate = _candidate(symbol, result, readings, column, parameters)
        if candidate is None:
            continue
        context = Context(parameters, closed, state.before(symbol, closed), candles.spreads)
        decision = _decision(candidate, result, readings, column, float(closes[column]), parameters, closed)
        found.append((candidate, first_objection(candidate, context), decision))

    free = [candidate for candidate, objection, _ in found if objection is None]
    crowded_out = over_budget(free, parameters.max_signals_per_run)
    decisions = tuple(
        replace(
            decision, guardrail=objection or (LINKAGE_BUDGET if candidate.symbol in crowded_out else None)
        )
        for candidate, objection, decision in found
    )
    return Decided(
        decisions, state.with_signals(sent_signals(decisions), closed), len(window.symbols), window.skipped
    )


def sent_signals(decisions: tuple[Decision, ...]) -> dict[str, LastSignal]:
    """Return what the state has to remember of these decisions."""
    return {one.symbol: LastSignal(one.side, one.decided_at) for one in decisions if one.is_sent}


def recompute(
    signal: Mapping[str, Any], snapshot_parameters: Mapping[str, Any], candles: Candles
) -> tuple[Side | None, Decimal, Decimal]:
    """Return side, buy score and sell score that a snapshot's parameters give at a signal's time.

    Guardrails and state have no part in it: they can hold a decision back, never make another one.

    Args:
        signal: a signal's fact; its ``symbol`` and ``signalled_at`` are read.
        snapshot_parameters: of the snapshot that it is linked with.
        candles: bars of that symbol up to the signal's time, or longer.

    Raises:
        InvalidInputError: the candles do not allow a decision at that time.
        ConfigurationError: the snapshot is not of this strategy.
    """
    parameters = parameters_of_snapshot(snapshot_parameters)
    symbol = str(signal["symbol"])
    now = signal["signalled_at"]
    now = parse_utc(now) if isinstance(now, str) else now
    window = select_window(_only(candles, symbol), parameters, now)
    if not window.symbols:
        reason = window.skipped.get(symbol, "unknown_symbol")
        raise InvalidInputError(f"no decision on {symbol} can be computed: {reason}", field="symbol")
    readings = read_indicators(window, parameters)
    result = score(readings, 0)
    candidate = _candidate(symbol, result, readings, 0, parameters)
    return (None if candidate is None else candidate.side), result.buy, result.sell


def _promising(readings: Readings, parameters: Parameters) -> list[int]:
    """Return the columns that may have a decision; the exact sums are made for these only."""
    sides = ((readings.buy, parameters.score_buy_target), (readings.sell, parameters.score_sell_target))
    promising = readings.momentum_buy.fires | readings.momentum_sell.fires
    for side, target in sides:
        total = np.zeros(len(promising))
        for one in side:
            total += one.fires * float(one.weight)
        promising |= total >= float(target) - 1e-6
    return [int(column) for column in np.flatnonzero(promising)]


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
            return Candidate(symbol, _side(side), "roc_momo", strength, fired)
    buys = result.buy >= parameters.score_buy_target
    sells = result.sell >= parameters.score_sell_target
    if buys and sells and result.buy == result.sell:
        return None
    if buys and (not sells or result.buy > result.sell):
        return Candidate(symbol, "buy", "score", result.buy / parameters.score_buy_target, result.buy_fired)
    if sells:
        return Candidate(
            symbol, "sell", "score", result.sell / parameters.score_sell_target, result.sell_fired
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


def _only(candles: Candles, symbol: str) -> Candles:
    if symbol not in candles.symbols:
        return replace(candles, symbols=(), refused={symbol: candles.refused.get(symbol, "unknown_symbol")})
    row = slice(candles.symbols.index(symbol), candles.symbols.index(symbol) + 1)
    return replace(
        candles,
        symbols=(symbol,),
        opens=candles.opens[row],
        highs=candles.highs[row],
        lows=candles.lows[row],
        closes=candles.closes[row],
        volumes=candles.volumes[row],
        refused={},
    )
