"""The recorder's use cases: facts go in, links follow.

Every batch takes two steps, each a transaction of its own: the facts are recorded, then the links of what
they touched are resolved. Whichever of two concurrent batches commits its facts last sees both when it
resolves, so nothing is missed between them. Signals that the ledger lacks are read from the hot store,
archived and resolved again; an unavailable store costs a link its promptness and never a fill its record.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from linkage.contracts.messages import parse_message
from linkage.domain.errors import StoreUnavailableError
from linkage.domain.facts import (
    FactBatch,
    LinkMade,
    MissingSignal,
    QuarantinedEvent,
    Recorded,
    Resolved,
    Touched,
)
from linkage.domain.ids import OrderId
from linkage.ports.clock import Clock
from linkage.ports.ledger import LedgerWriter
from linkage.ports.links import LinkResolver
from linkage.ports.store import SignalStore
from linkage.ports.switch import Switchboard

BACKLOG_LIMIT = 5_000
BACKLOG_PART = 500


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery of the queue. ``body`` is its text."""

    message_id: str
    body: str


class Ledger(LedgerWriter, LinkResolver, Protocol):
    """What recording and linking need of the ledger."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What the use cases work with."""

    ledger: Ledger
    store: SignalStore
    switchboard: Switchboard
    clock: Clock


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch.

    Attributes:
        quarantined: events that were quarantined, those of the database included.
        made: links that are new or changed.
        removed: orders that have no link any more.
        conflicts: orders whose key fits while their symbol, side or time does not.
        missing: keys without a signal, after the hot store was asked.
        linking_enabled: False when only the first step was taken.
        store_unavailable: the hot store could not be asked.
    """

    new_facts: int = 0
    repeated_facts: int = 0
    quarantined: Sequence[QuarantinedEvent] = ()
    made: Sequence[LinkMade] = ()
    removed: Sequence[str] = ()
    conflicts: Sequence[str] = ()
    missing: Sequence[str] = ()
    linking_enabled: bool = True
    store_unavailable: bool = False

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            new_facts=self.new_facts + other.new_facts,
            repeated_facts=self.repeated_facts + other.repeated_facts,
            quarantined=(*self.quarantined, *other.quarantined),
            made=(*self.made, *other.made),
            removed=(*self.removed, *other.removed),
            conflicts=(*self.conflicts, *other.conflicts),
            missing=(*self.missing, *other.missing),
            linking_enabled=self.linking_enabled and other.linking_enabled,
            store_unavailable=self.store_unavailable or other.store_unavailable,
        )


def record_fills(messages: Sequence[Message], ports: Ports) -> Outcome:
    """Record the fills and order events of queue messages, then link what they touched.

    A message that cannot be understood, or the part of it that cannot, is quarantined with its reason;
    the rest is recorded.

    Raises:
        LedgerUnavailableError: nothing is certain; all messages have to be redelivered.
    """
    fills: list[str] = []
    order_events: list[str] = []
    quarantined: list[QuarantinedEvent] = []
    now = ports.clock.now()
    for message in messages:
        parsed = parse_message(message.body, now)
        fills.extend(_received_in(message, parsed.fills))
        order_events.extend(parsed.order_events)
        quarantined.extend(
            QuarantinedEvent(
                source="fills",
                reason=bad.reason,
                body=bad.body,
                field=bad.field,
                message_id=message.message_id,
            )
            for bad in parsed.bad
        )
    return record_and_link(FactBatch(fills=fills, order_events=order_events, quarantined=quarantined), ports)


def record_and_link(facts: FactBatch, ports: Ports) -> Outcome:
    """Take both steps: record facts, then link what they touched.

    Raises:
        LedgerUnavailableError: nothing is certain.
    """
    recorded = ports.ledger.record(facts)
    outcome = replace(recorded_outcome(recorded), quarantined=(*facts.quarantined, *recorded.quarantined))
    if recorded.touched == Touched():
        return outcome
    enabled, store = linking_enabled(ports)
    if not enabled:
        return replace(outcome, linking_enabled=False)
    return outcome + _link(recorded.touched, store, ports)


def linking_enabled(ports: Ports) -> tuple[bool, SignalStore | None]:
    """Return whether to link, and whom to ask for missing signals: not a store that just did not answer."""
    try:
        return ports.switchboard.linking_enabled(), ports.store
    except StoreUnavailableError:
        return True, None


def resolve_backlog(ports: Ports) -> Outcome:
    """Resolve the orders that should have a link and have none, the hot store included.

    In parts: one transaction over a long backlog would outlast the ledger's patience, every time.
    """
    backlog = ports.ledger.unresolved(limit=BACKLOG_LIMIT)
    outcome = _link(Touched(keys=backlog.keys), ports.store, ports) if backlog.keys else Outcome()
    return outcome + resolve_orders(sorted(backlog.order_ids), ports)


def resolve_orders(order_ids: Sequence[OrderId], ports: Ports) -> Outcome:
    """Resolve orders, however many, the hot store included."""
    outcome = Outcome()
    for start in range(0, len(order_ids), BACKLOG_PART):
        part = frozenset(order_ids[start : start + BACKLOG_PART])
        # A store that did not answer once is not asked again for every part.
        store = None if outcome.store_unavailable else ports.store
        outcome += _link(Touched(order_ids=part), store, ports)
    return outcome


def outcome_metrics(outcome: Outcome, *, fills: bool = False) -> dict[str, float]:
    """Return the metrics of a batch; counts of zero are left out, they would only cost.

    Args:
        fills: the batch came from the fills queue.
    """
    changed = [link for link in outcome.made if link.relinked]
    counts: dict[str, float] = {
        "FillsRecorded": outcome.new_facts if fills else 0,
        "FillsRepeated": outcome.repeated_facts if fills else 0,
        "EventsQuarantined": len(outcome.quarantined),
        "LinksCreated": len(outcome.made) - len(changed),
        "LinksChanged": len(changed),
        "SnapshotChanged": sum(1 for link in changed if link.snapshot_changed),
        "LinkConflicts": len(outcome.conflicts),
        "StoreUnavailable": int(outcome.store_unavailable),
    }
    return {name: value for name, value in counts.items() if value}


def describe_links(outcome: Outcome) -> dict[str, object]:
    """Return the log fields of a batch's links: an entry per link, in the same order everywhere."""
    return {
        "links": len(outcome.made),
        "client_order_ids": [link.client_order_id for link in outcome.made],
        "order_ids": [link.order_id for link in outcome.made],
        "changed": sum(1 for link in outcome.made if link.relinked),
    }


def describe_quarantined(outcome: Outcome) -> dict[str, object]:
    """Return the log fields of quarantined events: their number, reasons and messages, no bodies."""
    first = outcome.quarantined[:20]
    return {
        "events": len(outcome.quarantined),
        "reasons": [f"{bad.field}: {bad.reason}" if bad.field else bad.reason for bad in first],
        "message_ids": sorted({bad.message_id for bad in first if bad.message_id}),
    }


def _link(touched: Touched, store: SignalStore | None, ports: Ports) -> Outcome:
    """Resolve, fetch the signals that the ledger lacks, and resolve what they concern once more."""
    first = ports.ledger.resolve(touched)
    outcome = _linked(first, first.missing)
    if not first.missing:
        return outcome
    if store is None:
        return replace(outcome, store_unavailable=True)
    wanted = list(dict.fromkeys(key for missing in first.missing for key in missing.lookups))
    try:
        signals = store.get_signals(wanted)
    except StoreUnavailableError:
        return replace(outcome, store_unavailable=True)
    if not signals:
        return outcome
    waiting = [missing for missing in first.missing if signals.keys().isdisjoint(missing.lookups)]
    still_missing = {missing.order_id for missing in waiting}
    served = frozenset(missing.order_id for missing in first.missing) - still_missing
    recorded = ports.ledger.record(FactBatch(signals=list(signals.values())))
    second = ports.ledger.resolve(recorded.touched | Touched(order_ids=served))
    return replace(_linked(first, waiting), quarantined=recorded.quarantined) + _linked(
        second, second.missing
    )


def _received_in(message: Message, fills: Sequence[str]) -> Sequence[str]:
    """Add to each fact the message that brought it: the same message again is the same receipt."""
    if not message.message_id:
        return fills
    brought = f',"message_id":{json.dumps(message.message_id)}}}'
    return [f"{fact[:-1]}{brought}" for fact in fills]


def recorded_outcome(recorded: Recorded) -> Outcome:
    """Return what the first step alone came to."""
    return Outcome(
        new_facts=recorded.new_facts,
        repeated_facts=recorded.repeated_facts,
        quarantined=tuple(recorded.quarantined),
    )


def _linked(resolved: Resolved, missing: Sequence[MissingSignal]) -> Outcome:
    return Outcome(
        made=tuple(resolved.made),
        removed=tuple(resolved.removed),
        conflicts=tuple(resolved.conflicts),
        missing=tuple(dict.fromkeys(signal.client_order_id for signal in missing)),
    )
