"""One run of the strategy: read, decide, publish, remember.

Everything that is published is a function of the run's scheduled time, the candles, the parameters and
the state before the run. So a run that is repeated, or that runs twice at once, posts the same bodies
under the same keys, and nothing is published twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from functions.sighook.decisions import Turn, decide, make_signal, publishable
from functions.sighook.publishing import post_signals, publish_snapshot, record_run
from functions.sighook.run_state import Memory, state_to_store, strategy_state
from functions.sighook.runs import ArmRun, Completed, Deployment, InvalidParameters, NotRun, Posted
from linkage.contracts.state import RunState
from linkage.domain.errors import ConfigurationError, DeliveryError
from linkage.domain.snapshots import Snapshot, make_run_id
from linkage.domain.universe import Universe, parse_universe
from linkage.ports.clock import Clock
from linkage.ports.market import Candles, MarketData
from linkage.ports.parameters import ParameterSource
from linkage.ports.sink import SignalSink
from linkage.ports.state import StateStore
from linkage.ports.store import SignalStore
from linkage.strategy.arms import Arm, default_arms, parse_arms
from linkage.strategy.candles import last_close
from linkage.strategy.decisions import Decision, sent_signals
from linkage.strategy.plugin import Strategy
from linkage.strategy.state import StrategyState, state_after

EARLY = timedelta(minutes=1)
"""A schedule fires a little before or after its time; this much early is still its time."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What a run works with."""

    market: MarketData
    store: SignalStore
    sink: SignalSink
    states: StateStore
    parameters: ParameterSource
    clock: Clock


def run(scheduled_at: datetime, deployment: Deployment, ports: Ports) -> Completed | NotRun:
    """Run the strategy for the bar that closed at or before ``scheduled_at``.

    Raises:
        DeliveryError: some signals could not be delivered; the same run again will post only those.
        RetryableError: a store or the market is unavailable; nothing or only a part was published.
    """
    started_at = ports.clock.now()
    strategy = deployment.strategy
    memory = Memory(strategy.name, ports.states, ports.clock)
    stored, version = memory.load()
    arms, document, invalid = _effective(strategy, ports.parameters.document(), stored)
    interval_seconds = arms[0].parameters.interval_seconds
    closed = last_close(scheduled_at, interval_seconds)
    reason = _why_not(scheduled_at, started_at, closed, stored, interval_seconds, deployment)
    if reason is None and stored.attempted_at != closed:
        stored, version = memory.begin(stored, version, closed, document)
        reason = "repeated" if stored.completed_at == closed else None
    if reason is not None:
        return NotRun(reason, (started_at - scheduled_at).total_seconds())
    if stored.document != document:
        # A run that somebody began goes on with the parameters it began with, else its keys would be others.
        arms, document, _ = _effective(strategy, stored.document, stored)

    universe = parse_universe(deployment.symbols)
    snapshots = _snapshots(arms, strategy, universe, stored, ports)
    before = strategy_state(stored)
    candles = _candles(arms, universe, closed, ports.market)
    turns = decide(arms, snapshots, before, candles, scheduled_at, closed, strategy)
    published, unpublished = publishable(
        [(turn, decision) for turn in turns for decision in turn.decided.decisions],
        deployment.max_suppressed_per_run,
    )
    posted = _post(published, deployment, ports)

    def remember(state: StrategyState) -> None:
        ids = {name: snapshot.snapshot_id for name, snapshot in snapshots.items()}
        result = state_to_store(state, attempted_at=closed, document=document, snapshots=ids)
        memory.save(result, version)

    undelivered = [signal for signal in posted if signal.outcome == "undelivered"]
    if undelivered:
        remember(before.with_signals(sent_signals(_delivered(posted)), None))
        first = undelivered[0].reason
        raise DeliveryError(f"{len(undelivered)} of {len(posted)} signals got no answer: {first}")
    completed = Completed(
        run_id=make_run_id(strategy.name, scheduled_at),
        arms=_arm_runs(turns, published, posted),
        unpublished=unpublished,
        invalid_parameters=invalid,
    )
    refused = frozenset(signal.decision.symbol for signal in posted if signal.outcome == "refused")
    times = {"scheduled_at": scheduled_at, "started_at": started_at}
    record_run(completed, deployment, **times, store=ports.store, clock=ports.clock)
    remember(state_after(before, (turn.decided.state for turn in turns), closed, refused))
    return completed


def _snapshots(
    arms: Sequence[Arm], strategy: Strategy[Any], universe: Universe, stored: RunState, ports: Ports
) -> Mapping[str, Snapshot]:
    """Return the snapshot of each arm; those that no run published before are described now."""
    snapshots = {
        arm.name: strategy.snapshot(arm.parameters, symbols=str(universe), label=arm.label) for arm in arms
    }
    for snapshot in snapshots.values():
        if snapshot.snapshot_id not in stored.published:
            publish_snapshot(snapshot, ports.store, ports.clock)
    return snapshots


def _candles(arms: Sequence[Arm], universe: Universe, closed: datetime, market: MarketData) -> Candles:
    """Return the bars that the most demanding arm needs, for every symbol of the universe."""
    return market.candles(
        universe.symbols or market.symbols(),
        as_of=closed,
        bars=max(arm.parameters.bars for arm in arms),
        interval_seconds=arms[0].parameters.interval_seconds,
    )


def _post(published: Sequence[tuple[Turn, Decision]], deployment: Deployment, ports: Ports) -> list[Posted]:
    signals = [
        (decision, make_signal(decision, turn.snapshot, turn.run_id, deployment, turn.arm))
        for turn, decision in published
    ]
    return post_signals(signals, ports.sink, ports.store)


def _delivered(posted: Sequence[Posted]) -> tuple[Decision, ...]:
    return tuple(signal.decision for signal in posted if signal.outcome not in ("undelivered", "refused"))


def _arm_runs(
    turns: Sequence[Turn], published: Sequence[tuple[Turn, Decision]], posted: Sequence[Posted]
) -> list[ArmRun]:
    """Return what each arm did; ``posted`` is parallel to ``published``."""
    return [
        ArmRun(
            name=turn.arm.name,
            run_id=turn.run_id,
            snapshot=turn.snapshot,
            posted=[signal for signal, (its, _) in zip(posted, published, strict=True) if its is turn],
            skipped=turn.decided.skipped,
            seen=turn.decided.seen,
            suppressed=Counter(
                decision.guardrail for decision in turn.decided.decisions if decision.guardrail
            ),
        )
        for turn in turns
    ]


def _effective(
    strategy: Strategy[Any], document: str | None, stored: RunState
) -> tuple[Sequence[Arm], str | None, InvalidParameters | None]:
    """Return the arms in force and their document: the operator's, if it is bad the last good one."""
    if document is None:
        return default_arms(strategy), None, None
    try:
        return parse_arms(strategy, document), document, None
    except ConfigurationError as error:
        problem = InvalidParameters(error.field, str(error))
    if stored.document is not None and stored.document != document:
        try:
            return parse_arms(strategy, stored.document), stored.document, problem
        except ConfigurationError:
            # It was good for an older version of the strategy.
            return default_arms(strategy), None, problem
    return default_arms(strategy), None, problem


def _why_not(
    scheduled_at: datetime,
    now: datetime,
    closed: datetime,
    stored: RunState,
    interval_seconds: int,
    deployment: Deployment,
) -> Literal["late", "early", "repeated", "superseded"] | None:
    if scheduled_at - now > EARLY:
        return "early"
    if not deployment.replay and now - scheduled_at > timedelta(seconds=interval_seconds):
        return "late"
    if stored.completed_at is None or closed > stored.completed_at:
        return None
    return "repeated" if closed == stored.completed_at else "superseded"
