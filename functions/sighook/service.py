"""One run of the strategy: read, decide, publish, remember.

Everything that is published is a function of the run's scheduled time, the candles, the parameters and
the state before the run. So a run that is repeated, or that runs twice at once, posts the same bodies
under the same keys, and nothing is published twice.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from functions.sighook.run_state import state_to_store, strategy_state
from linkage.contracts.signals import RunRecord, Signal, SnapshotDescription
from linkage.contracts.state import RunState
from linkage.domain.canonical import canonical
from linkage.domain.errors import (
    ConfigurationError,
    DeliveryError,
    LinkageError,
    RefusedError,
    StateChangedError,
)
from linkage.domain.facts import SignalKey
from linkage.domain.ids import FIRST_PARTY_BOT, ClientOrderId, RunId
from linkage.domain.keys import OrderIntent, make_client_order_id
from linkage.domain.snapshots import MAIN_ARM, Snapshot, make_run_id
from linkage.domain.times import iso_utc
from linkage.domain.universe import parse_universe
from linkage.ports.clock import Clock
from linkage.ports.market import Candles, MarketData
from linkage.ports.parameters import ParameterSource
from linkage.ports.sink import SignalSink
from linkage.ports.state import StateStore
from linkage.ports.store import SignalStore
from linkage.strategy.arms import Arm, candles_of, choose_arm, default_arms, parse_arms
from linkage.strategy.candles import last_close
from linkage.strategy.decisions import Decided, Decision, sent_signals
from linkage.strategy.plugin import Strategy
from linkage.strategy.state import StrategyState

POSTS_AT_ONCE = 8
EARLY = timedelta(minutes=1)
"""A schedule fires a little before or after its time; this much early is still its time."""

_COMPARED = (
    "side", "trigger", "buy_score", "sell_score", "indicators_fired", "price", "quantity", "notional",
    "order_type", "take_profit", "stop_loss", "disposition", "guardrail", "snapshot_id", "run_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ports:
    """What a run works with."""

    market: MarketData
    store: SignalStore
    sink: SignalSink
    states: StateStore
    parameters: ParameterSource
    clock: Clock


@dataclass(frozen=True, slots=True)
class Deployment:
    """Whose run it is.

    Attributes:
        name: the stage; a part of every key, so that two deployments never collide.
        strategy: what decides; a run knows it by this interface only.
        symbols: as in ``parse_universe``; where it is no list, the market says which they are.
        replay: a run may be late.
    """

    name: str
    venue: str
    account: str
    strategy: Strategy[Any]
    symbols: str = "*"
    replay: bool = False
    max_suppressed_per_run: int = 50


@dataclass(frozen=True, slots=True)
class InvalidParameters:
    """The operator's document is wrong, and the last good one stays in force."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of one signal.

    Attributes:
        reason: why it was not delivered, or refused.
        difference: of a conflict, name to what is stored and what was posted.
    """

    client_order_id: ClientOrderId
    decision: Decision
    outcome: Literal["stored", "repeated", "conflict", "undelivered", "refused"]
    reason: str = ""
    difference: Mapping[str, tuple[object, object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotRun:
    """The run published nothing.

    Attributes:
        reason: ``late``, ``early``, ``repeated`` (it had come to its end before) or ``superseded`` (a later
            run has).
    """

    reason: Literal["late", "early", "repeated", "superseded"]
    lateness_seconds: float


@dataclass(frozen=True, slots=True)
class ArmRun:
    """What one arm did in a run: the content of its run record.

    Attributes:
        run_id: of this arm's part of the run.
        posted: its signals, suppressed ones too.
        skipped: symbol to reason. seen: how many symbols were computed.
        suppressed: guardrail to number, unpublished ones too.
    """

    name: str
    run_id: RunId
    snapshot: Snapshot
    posted: Sequence[Posted]
    skipped: Mapping[str, str]
    seen: int
    suppressed: Mapping[str, int]

    def count(self, outcome: str, *, sent: bool = True) -> int:
        """Return how many signals had this outcome; ``sent`` leaves out the suppressed ones."""
        return sum(1 for one in self.posted if one.outcome == outcome and (one.decision.is_sent or not sent))


@dataclass(frozen=True, slots=True)
class Completed:
    """The run came to its end.

    Attributes:
        run_id: of the whole run, which is the arm ``main``'s too.
        arms: what each arm did, sorted by name; one where the document has no arms.
        unpublished: suppressed signals beyond the bound.
    """

    run_id: RunId
    arms: Sequence[ArmRun]
    unpublished: int
    invalid_parameters: InvalidParameters | None

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot of the arm ``main``, or of the first one where none has that name."""
        return next((arm.snapshot for arm in self.arms if arm.name == MAIN_ARM), self.arms[0].snapshot)

    @property
    def posted(self) -> Sequence[Posted]:
        """Every signal of every arm."""
        return [one for arm in self.arms for one in arm.posted]

    @property
    def skipped(self) -> Mapping[str, str]:
        """Symbol to the reason why it was not computed."""
        return {symbol: reason for arm in self.arms for symbol, reason in arm.skipped.items()}

    @property
    def seen(self) -> int:
        """How many symbols were computed."""
        return sum(arm.seen for arm in self.arms)

    @property
    def suppressed(self) -> Mapping[str, int]:
        """Guardrail to number of signals."""
        return dict(sum((Counter(arm.suppressed) for arm in self.arms), Counter[str]()))

    def count(self, outcome: str, *, sent: bool = True) -> int:
        """Return how many signals had this outcome; ``sent`` leaves out the suppressed ones."""
        return sum(arm.count(outcome, sent=sent) for arm in self.arms)


@dataclass(frozen=True, slots=True)
class _Turn:
    """One arm in one run, once it has decided."""

    arm: Arm
    run_id: RunId
    snapshot: Snapshot
    decided: Decided


def run(scheduled_at: datetime, deployment: Deployment, ports: Ports) -> Completed | NotRun:
    """Run the strategy for the bar that closed at or before ``scheduled_at``.

    Raises:
        DeliveryError: some signals could not be delivered; the same run again will post only those.
        RetryableError: a store or the market is away; nothing or only a part was published.
    """
    started_at = ports.clock.now()
    strategy = deployment.strategy
    kept, version = _load(strategy.name, ports)
    arms, document, invalid = _effective(strategy, ports.parameters.document(), kept)
    interval_seconds = arms[0].parameters.interval_seconds
    closed = last_close(scheduled_at, interval_seconds)
    reason = _why_not(scheduled_at, started_at, closed, kept, interval_seconds, deployment)
    if reason is None and kept.attempted_at != closed:
        kept, version = _begin(kept, version, closed, document, strategy.name, ports)
        reason = "repeated" if kept.completed_at == closed else None
    if reason is not None:
        return NotRun(reason, (started_at - scheduled_at).total_seconds())
    if kept.document != document:
        # A run that somebody began goes on with the parameters it began with, else its keys would be others.
        arms, document, _ = _effective(strategy, kept.document, kept)

    universe = parse_universe(deployment.symbols)
    snapshots = {
        arm.name: strategy.snapshot(arm.parameters, symbols=str(universe), label=arm.label) for arm in arms
    }
    for snapshot in snapshots.values():
        if snapshot.snapshot_id not in kept.published:
            _publish_snapshot(snapshot, ports)

    before = strategy_state(kept)
    candles = ports.market.candles(
        universe.symbols or ports.market.symbols(),
        as_of=closed,
        bars=max(arm.parameters.bars for arm in arms),
        interval_seconds=arms[0].parameters.interval_seconds,
    )
    turns = _decide(arms, snapshots, before, candles, scheduled_at, closed, strategy)
    decisions = [(turn, one) for turn in turns for one in turn.decided.decisions]
    shown, unpublished = _bounded(decisions, deployment.max_suppressed_per_run)
    posted = _post(
        [(one, make_signal(one, turn.snapshot, turn.run_id, deployment, turn.arm)) for turn, one in shown],
        ports,
    )
    undelivered = [one for one in posted if one.outcome == "undelivered"]
    remembered = _Remembered(strategy.name, closed, document, snapshots, version)
    if undelivered:
        delivered = tuple(one.decision for one in posted if one.outcome not in ("undelivered", "refused"))
        _save(before.with_signals(sent_signals(delivered), None), remembered, ports)
        raise DeliveryError(
            f"{len(undelivered)} of {len(posted)} signals got no answer: {undelivered[0].reason}"
        )

    completed = Completed(
        run_id=make_run_id(strategy.name, scheduled_at),
        arms=[
            ArmRun(
                name=turn.arm.name,
                run_id=turn.run_id,
                snapshot=turn.snapshot,
                posted=[each for each, (its, _) in zip(posted, shown, strict=True) if its is turn],
                skipped=turn.decided.skipped,
                seen=turn.decided.seen,
                suppressed=Counter(one.guardrail for one in turn.decided.decisions if one.guardrail),
            )
            for turn in turns
        ],
        unpublished=unpublished,
        invalid_parameters=invalid,
    )
    refused = frozenset(one.decision.symbol for one in posted if one.outcome == "refused")
    _record_run(completed, strategy.name, scheduled_at, started_at, ports)
    _save(_state_after(before, turns, closed, refused), remembered, ports)
    return completed


def _decide(
    arms: Sequence[Arm],
    snapshots: Mapping[str, Snapshot],
    before: StrategyState,
    candles: Candles,
    scheduled_at: datetime,
    closed: datetime,
    strategy: Strategy[Any],
) -> list[_Turn]:
    """Return what each arm decides on the symbols that are its own at this bar.

    All arms share one state. The last signal of a symbol is a fact about the account, whichever arm made
    it: with a state for each arm, one would sell in the bar after the other bought.
    """
    own: dict[str, list[str]] = {arm.name: [] for arm in arms}
    for symbol in (*candles.symbols, *candles.refused):
        own[choose_arm(arms, strategy.name, symbol, closed).name].append(symbol)
    return [
        _Turn(
            arm,
            make_run_id(strategy.name, scheduled_at, arm.name),
            snapshots[arm.name],
            strategy.decide(
                candles_of(candles, own[arm.name], arm.parameters.bars), before, arm.parameters, closed
            ),
        )
        for arm in arms
    ]


def _state_after(
    before: StrategyState, turns: Sequence[_Turn], closed: datetime, refused: Collection[str]
) -> StrategyState:
    """Return the state after all arms; symbols whose signal was refused had none.

    No two arms decide on one symbol.
    """
    symbols = dict(before.symbols)
    for turn in turns:
        decided = turn.decided.state.symbols
        symbols |= {name: known for name, known in decided.items() if known != before.symbols.get(name)}
    kept = {name: known for name, known in before.symbols.items() if name in refused}
    return StrategyState(
        {name: known for name, known in symbols.items() if name not in refused} | kept, closed
    )


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


def _effective(
    strategy: Strategy[Any], document: str | None, kept: RunState
) -> tuple[Sequence[Arm], str | None, InvalidParameters | None]:
    """Return the arms in force and their document: the operator's, if it is bad the last good one."""
    if document is None:
        return default_arms(strategy), None, None
    try:
        return parse_arms(strategy, document), document, None
    except ConfigurationError as error:
        problem = InvalidParameters(error.field, str(error))
    if kept.document is not None and kept.document != document:
        try:
            return parse_arms(strategy, kept.document), kept.document, problem
        except ConfigurationError:
            # It was good for an older version of the strategy.
            return default_arms(strategy), None, problem
    return default_arms(strategy), None, problem


def _why_not(
    scheduled_at: datetime,
    now: datetime,
    closed: datetime,
    kept: RunState,
    interval_seconds: int,
    deployment: Deployment,
) -> Literal["late", "early", "repeated", "superseded"] | None:
    if scheduled_at - now > EARLY:
        return "early"
    if not deployment.replay and now - scheduled_at > timedelta(seconds=interval_seconds):
        return "late"
    if kept.completed_at is None or closed > kept.completed_at:
        return None
    return "repeated" if closed == kept.completed_at else "superseded"


def _publish_snapshot(snapshot: Snapshot, ports: Ports) -> None:
    now = ports.clock.now()
    description = SnapshotDescription(
        snapshot_id=snapshot.snapshot_id,
        strategy=snapshot.strategy,
        code_version=snapshot.code_version,
        label=snapshot.label,
        parameters=dict(snapshot.parameters),
    )
    fact = description.fact_text(snapshot, FIRST_PARTY_BOT, iso_utc(now))
    ports.store.put_snapshot(str(snapshot.snapshot_id), snapshot.config_hash, fact=fact, received_at=now)


def _post(signals: Sequence[tuple[Decision, Signal]], ports: Ports) -> list[Posted]:
    if not signals:
        return []
    with ThreadPoolExecutor(max_workers=min(POSTS_AT_ONCE, len(signals))) as pool:
        return list(pool.map(lambda one: _post_one(one[0], one[1], ports), signals))


def _post_one(decision: Decision, signal: Signal, ports: Ports) -> Posted:
    body = signal.model_dump(mode="json", exclude={"snapshot"}, exclude_none=True)
    key = ClientOrderId(body["client_order_id"])
    try:
        outcome = ports.sink.post(body).outcome
    except DeliveryError as error:
        return Posted(key, decision, "undelivered", str(error))
    except RefusedError as error:
        return Posted(key, decision, "refused", str(error))
    difference = _difference(key, signal, ports) if outcome == "conflict" else {}
    return Posted(key, decision, outcome, difference=difference)


def _difference(key: ClientOrderId, signal: Signal, ports: Ports) -> dict[str, tuple[object, object]]:
    """Return what a stored signal says otherwise; a venue that revises its candles causes that."""
    place = SignalKey(FIRST_PARTY_BOT, key)
    try:
        fact = ports.store.get_signals([place]).get(place)
    except LinkageError:
        return {}
    stored = json.loads(fact) if fact else {}
    stored.setdefault("trigger", stored.get("trigger_type"))
    posted = signal.model_dump(mode="json")
    pairs = {name: (canonical(stored.get(name)), canonical(posted.get(name))) for name in _COMPARED}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _bounded(
    decisions: Sequence[tuple[_Turn, Decision]], limit: int
) -> tuple[list[tuple[_Turn, Decision]], int]:
    """Return what is published, and how many suppressed ones are not: the strongest have precedence."""
    suppressed = [one for _, one in decisions if not one.is_sent]
    ranked = sorted(suppressed, key=lambda one: (-max(one.buy_score, one.sell_score), one.symbol))
    dropped = {one.symbol for one in ranked[limit:]}
    return [each for each in decisions if each[1].is_sent or each[1].symbol not in dropped], len(dropped)


def _record_run(
    completed: Completed, strategy: str, scheduled_at: datetime, started_at: datetime, ports: Ports
) -> None:
    ended_at = ports.clock.now()
    for arm in completed.arms:
        record = RunRecord(
            run_id=arm.run_id,
            bot_id=FIRST_PARTY_BOT,
            strategy=strategy,
            arm=arm.name,
            arms=[each.name for each in completed.arms],
            snapshot_id=arm.snapshot.snapshot_id,
            scheduled_at=scheduled_at,
            started_at=started_at,
            duration_ms=max(0, round((ended_at - started_at).total_seconds() * 1000)),
            symbols_seen=arm.seen,
            symbols_skipped=dict(arm.skipped),
            signals_sent=arm.count("stored"),
            signals_repeated=arm.count("repeated") + arm.count("conflict"),
            signals_suppressed=dict(arm.suppressed),
        )
        ports.store.put_run(str(arm.run_id), fact=record.fact_text(), received_at=ended_at)


@dataclass(frozen=True, slots=True)
class _Remembered:
    """What is kept of a run besides the strategy's own state."""

    strategy: str
    closed: datetime
    document: str | None
    snapshots: Mapping[str, Snapshot]
    version: int


def _load(strategy: str, ports: Ports) -> tuple[RunState, int]:
    text, version = ports.states.load(strategy, MAIN_ARM)
    return (RunState.model_validate_json(text) if text else RunState()), version


def _begin(
    kept: RunState, version: int, closed: datetime, document: str | None, strategy: str, ports: Ports
) -> tuple[RunState, int]:
    """Note with which document the run begins, before anything of it is published; return what is kept.

    Who finds the same run begun by another goes on with the other's document: whether that one is at work
    at this instant, or ended before it could say so.
    """
    begun = kept.model_copy(update={"attempted_at": closed, "document": document})
    try:
        _put(begun, version, strategy, ports)
    except StateChangedError:
        theirs, version = _load(strategy, ports)
        if theirs.attempted_at != closed:
            raise
        return theirs, version
    return begun, version + 1


def _save(state: StrategyState, run: _Remembered, ports: Ports) -> None:
    """Keep what a run came to. Of two that are the same run, one that came to its end has the last word."""
    kept = state_to_store(
        state,
        attempted_at=run.closed,
        document=run.document,
        snapshots={name: snapshot.snapshot_id for name, snapshot in run.snapshots.items()},
    )
    try:
        _put(kept, run.version, run.strategy, ports)
    except StateChangedError:
        theirs, version = _load(run.strategy, ports)
        if theirs.attempted_at != run.closed:
            raise
        if theirs.completed_at != kept.completed_at == run.closed:
            _put(kept, version, run.strategy, ports)


def _put(kept: RunState, version: int, strategy: str, ports: Ports) -> None:
    ports.states.save(
        strategy,
        MAIN_ARM,
        body=kept.model_dump_json(exclude_defaults=True),
        version=version,
        saved_at=ports.clock.now(),
    )
