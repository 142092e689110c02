"""What each arm decides in a run, and the signals that its decisions become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from functions.sighook.runs import Deployment
from linkage.contracts.signals import Signal
from linkage.domain.ids import ClientOrderId, RunId
from linkage.domain.keys import OrderIntent, make_client_order_id
from linkage.domain.snapshots import MAIN_ARM, Snapshot, make_run_id
from linkage.ports.market import Candles
from linkage.strategy.arms import Arm, choose_arm
from linkage.strategy.candles import candles_of
from linkage.strategy.decisions import Decided, Decision
from linkage.strategy.plugin import Strategy
from linkage.strategy.state import StrategyState


@dataclass(frozen=True, slots=True)
class Turn:
    """One arm in one run, once it has decided."""

    arm: Arm
    run_id: RunId
    snapshot: Snapshot
    decided: Decided


def decide(
    arms: Sequence[Arm],
    snapshots: Mapping[str, Snapshot],
    before: StrategyState,
    candles: Candles,
    scheduled_at: datetime,
    closed: datetime,
    strategy: Strategy[Any],
) -> list[Turn]:
    """Return what each arm decides on the symbols that are its own at this bar.

    All arms share one state. The last signal of a symbol is a fact about the account, whichever arm made
    it: with a state for each arm, one would sell in the bar after the other bought.
    """
    own: dict[str, list[str]] = {arm.name: [] for arm in arms}
    for symbol in (*candles.symbols, *candles.refused):
        own[choose_arm(arms, strategy.name, symbol, closed).name].append(symbol)
    return [
        Turn(
            arm,
            make_run_id(strategy.name, scheduled_at, arm.name),
            snapshots[arm.name],
            strategy.decide(
                candles_of(candles, own[arm.name], arm.parameters.bars), before, arm.parameters, closed
            ),
        )
        for arm in arms
    ]


def publishable(
    decisions: Sequence[tuple[Turn, Decision]], limit: int
) -> tuple[list[tuple[Turn, Decision]], int]:
    """Return what is published, and how many suppressed ones are not: the strongest have precedence."""
    suppressed = [decision for _, decision in decisions if not decision.is_sent]
    ranked = sorted(
        suppressed, key=lambda decision: (-max(decision.buy_score, decision.sell_score), decision.symbol)
    )
    dropped = {decision.symbol for decision in ranked[limit:]}
    published = [
        (turn, decision) for turn, decision in decisions if decision.is_sent or decision.symbol not in dropped
    ]
    return published, len(dropped)


def make_signal(
    decision: Decision, snapshot: Snapshot, run_id: UUID, deployment: Deployment, arm: Arm | None = None
) -> Signal:
    """Return a decision as the canonical signal, under its deterministic key; without arms it is main's."""
    return Signal(
        client_order_id=key_of(decision, snapshot, deployment),
        snapshot_id=snapshot.snapshot_id,
        venue=deployment.venue,
        account=deployment.account,
        strategy=deployment.strategy.name,
        arm=MAIN_ARM if arm is None else arm.name,
        propensity=Decimal(1) if arm is None else arm.share,
        run_id=run_id,
        symbol=decision.symbol,
        side=decision.side,
        trigger=decision.trigger,
        buy_score=decision.buy_score,
        sell_score=decision.sell_score,
        indicators_fired=list(decision.fired),
        indicator_breakdown=decision.breakdown,
        price=decision.price,
        quantity=decision.quantity,
        notional=decision.notional,
        order_type=decision.order_type,
        take_profit=decision.take_profit,
        stop_loss=decision.stop_loss,
        origin="strategy",
        signalled_at=decision.decided_at,
        bar_time=decision.bar_time,
        disposition="sent" if decision.is_sent else "suppressed",
        guardrail=decision.guardrail,
    )


def key_of(decision: Decision, snapshot: Snapshot, deployment: Deployment) -> ClientOrderId:
    """Return the key of a decision's order. A suppressed one has a leg of its own: it is no order's key."""
    return make_client_order_id(
        OrderIntent(
            deployment=deployment.name,
            account=deployment.account,
            strategy=deployment.strategy.name,
            snapshot_id=snapshot.snapshot_id,
            symbol=decision.symbol,
            side=decision.side,
            bar_time=decision.bar_time,
            leg="entry" if decision.is_sent else "suppressed",
        )
    )
