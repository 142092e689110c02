"""What a run publishes: snapshots and run records to the store, signals to the webhook."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from functions.sighook.runs import Completed, Deployment, Posted
from linkage.contracts.signals import RunRecord, Signal, SnapshotDescription
from linkage.domain.canonical import canonical, iso_utc
from linkage.domain.errors import DeliveryError, LinkageError, RefusedError
from linkage.domain.facts import SignalKey
from linkage.domain.ids import FIRST_PARTY_BOT, ClientOrderId
from linkage.domain.snapshots import Snapshot
from linkage.ports.clock import Clock
from linkage.ports.sink import SignalSink
from linkage.ports.store import SignalStore
from linkage.strategy.decisions import Decision

POSTS_AT_ONCE = 8

_COMPARED = (
    "side", "trigger", "buy_score", "sell_score", "indicators_fired", "price", "quantity", "notional",
    "order_type", "take_profit", "stop_loss", "disposition", "guardrail", "snapshot_id", "run_id",
)  # fmt: skip


def publish_snapshot(snapshot: Snapshot, store: SignalStore, clock: Clock) -> None:
    """Store a snapshot's description."""
    now = clock.now()
    description = SnapshotDescription(
        snapshot_id=snapshot.snapshot_id,
        strategy=snapshot.strategy,
        code_version=snapshot.code_version,
        label=snapshot.label,
        parameters=dict(snapshot.parameters),
    )
    fact = description.fact_text(snapshot, FIRST_PARTY_BOT, iso_utc(now))
    store.put_snapshot(str(snapshot.snapshot_id), snapshot.config_hash, fact=fact, received_at=now)


def post_signals(
    signals: Sequence[tuple[Decision, Signal]], sink: SignalSink, store: SignalStore
) -> list[Posted]:
    """Post the signals, several at once; return what became of each, in their order."""
    if not signals:
        return []
    with ThreadPoolExecutor(max_workers=min(POSTS_AT_ONCE, len(signals))) as pool:
        return list(pool.map(lambda pair: _post(pair[0], pair[1], sink, store), signals))


def _post(decision: Decision, signal: Signal, sink: SignalSink, store: SignalStore) -> Posted:
    body = signal.model_dump(mode="json", exclude={"snapshot"}, exclude_none=True)
    key = ClientOrderId(body["client_order_id"])
    try:
        outcome = sink.post(body).outcome
    except DeliveryError as error:
        return Posted(key, decision, "undelivered", str(error))
    except RefusedError as error:
        return Posted(key, decision, "refused", str(error))
    difference = _difference(key, signal, store) if outcome == "conflict" else {}
    return Posted(key, decision, outcome, difference=difference)


def _difference(key: ClientOrderId, signal: Signal, store: SignalStore) -> dict[str, tuple[object, object]]:
    """Return what a stored signal says otherwise; a venue that revises its candles causes that."""
    stored_key = SignalKey(FIRST_PARTY_BOT, key)
    try:
        fact = store.get_signals([stored_key]).get(stored_key)
    except LinkageError:
        return {}
    stored = json.loads(fact) if fact else {}
    stored.setdefault("trigger", stored.get("trigger_type"))
    posted = signal.model_dump(mode="json")
    pairs = {name: (canonical(stored.get(name)), canonical(posted.get(name))) for name in _COMPARED}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def record_run(
    completed: Completed,
    deployment: Deployment,
    *,
    scheduled_at: datetime,
    started_at: datetime,
    store: SignalStore,
    clock: Clock,
) -> None:
    """Store a record of the run for each arm."""
    ended_at = clock.now()
    for arm in completed.arms:
        record = RunRecord(
            run_id=arm.run_id,
            bot_id=FIRST_PARTY_BOT,
            strategy=deployment.strategy.name,
            arm=arm.name,
            arms=[sibling.name for sibling in completed.arms],
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
        store.put_run(str(arm.run_id), fact=record.fact_text(), received_at=ended_at)
