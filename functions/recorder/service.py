"""The recorder's use cases: facts go in, links follow.

Every batch takes two steps, each a transaction of its own: the facts are recorded, then the links of what
they touched are resolved. Whichever of two concurrent batches commits its facts last sees both when it
resolves, so nothing is missed between them. Signals that the ledger lacks are read from the hot store,
archived and resolved again; a store that is away costs a link its promptness and never a fill its record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from linkage.contracts.messages import parse_message
from linkage.contracts.signals import BotRecord
from linkage.domain.errors import StoreUnavailableError
from linkage.domain.facts import (
    FactBatch,
    LedgerHealth,
    LinkMade,
    LotsMatched,
    MissingSignal,
    QuarantinedEvent,
    Recorded,
    Resolved,
    Touched,
    Window,
)
from linkage.domain.ids import OrderId
from linkage.ports.clock import Clock
from linkage.ports.ledger import TradeLedger
from linkage.ports.store import HotItem, SignalStore
from linkage.ports.switch import Switchboard

SWEEP_CHUNK = 500
BACKLOG_LIMIT = 5_000
BACKLOG_PART = 500
MAINTAIN_WINDOW = timedelta(hours=6)
LOTS_SECONDS = 120.0

_PART_OF_KIND = {
    "signal": "signals",
    "snapshot": "snapshots",
    "run": "runs",
    "bot": "bots",
    "switch": "switches",
}


ARCHIVED_KINDS = frozenset(_PART_OF_KIND)


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery, from the queue or from the stream. ``body`` is its text."""

    message_id: str
    body: str


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One change of the hot store: the item's new attributes, as plain strings where they are strings."""

    message_id: str
    image: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ports:
    """What the use cases work with."""

    ledger: TradeLedger
    store: SignalStore
    switchboard: Switchboard
    clock: Clock


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch.

    Attributes:
        quarantined: events that were put aside, those of the database included.
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


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found and did. ``oldest_unarchived_seconds`` is 0 when the stream had missed nothing."""

    archived: int = 0
    oldest_unarchived_seconds: float = 0.0
    outcome: Outcome = field(default_factory=Outcome)


def record_fills(messages: Sequence[Message], ports: Ports) -> Outcome:
    """Record the fills and order events of queue messages, then link what they touched.

    A message that cannot be understood, or the part of it that cannot, is quarantined with its reason;
    the rest is recorded.

    Raises:
        LedgerUnavailableError: nothing is certain; all messages have to come again.
    """
    fills: list[str] = []
    order_events: list[str] = []
    quarantined: list[QuarantinedEvent] = []
    for message in messages:
        parsed = parse_message(message.body)
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


def archive(records: Sequence[StreamRecord], ports: Ports) -> Outcome:
    """Archive what the hot store took in, then link the orders that waited for it.

    When the batch turns linking on, the orders recorded while it was off are resolved as well.

    Raises:
        LedgerUnavailableError: the records have to come again.
    """
    parts: dict[str, list[str]] = {part: [] for part in _PART_OF_KIND.values()}
    quarantined: list[QuarantinedEvent] = []
    for record in records:
        kind = record.image.get("kind")
        if isinstance(kind, str) and kind not in _PART_OF_KIND:
            continue  # tokens, strategy state and paper orders are no facts
        try:
            parts[_PART_OF_KIND[str(kind)]].append(_fact(str(kind), record.image["body"]))
        except (KeyError, TypeError, ValueError) as error:
            quarantined.append(_poison(record, error))
    outcome = record_and_link(FactBatch(**parts, quarantined=quarantined), ports)
    if outcome.linking_enabled and any(json.loads(body).get("enabled") for body in parts["switches"]):
        outcome += resolve_backlog(ports)
    return outcome


def quarantine(record: StreamRecord, reason: str, ports: Ports) -> Outcome:
    """Put one stream record aside: a stream stands still behind a record that fails for ever."""
    return _outcome(ports.ledger.record(FactBatch(quarantined=[_poison(record, ValueError(reason))])))


def sweep(hours: int, ports: Ports) -> Swept:
    """Archive what the stream missed in the last hours, and link what a fault left behind.

    Args:
        hours: how far back the hot store is compared with the ledger.

    Raises:
        LedgerUnavailableError: the next sweep starts again.
    """
    now = ports.clock.now()
    archived, oldest, outcome = 0, now, Outcome()
    try:
        items = iter(ports.store.recent(_hours_back(now, hours)))
        while chunk := list(islice(items, SWEEP_CHUNK)):
            missed = ports.ledger.missing_facts(chunk)
            if missed:
                done = record_and_link(_facts_of_items(missed), ports)
                # What is put aside will never be archived: it must not keep the alarm up.
                aside = {bad.body for bad in done.quarantined}
                good = [item for item in missed if item.body not in aside]
                archived += len(good)
                oldest = min(oldest, *(item.received_at for item in good)) if good else oldest
                outcome += done
    except StoreUnavailableError:
        outcome = replace(outcome, store_unavailable=True)
    if outcome.linking_enabled and linking_enabled(ports)[0]:
        outcome += resolve_backlog(ports)
    return Swept(archived, (now - oldest).total_seconds(), outcome)


def resolve_backlog(ports: Ports) -> Outcome:
    """Resolve the orders that should have a link and have none, the hot store included.

    In parts: one transaction over a long backlog would outlast the ledger's patience, every time.
    """
    backlog = ports.ledger.unresolved(limit=BACKLOG_LIMIT)
    return _link(Touched(keys=backlog.keys), ports.store, ports) + resolve_orders(
        sorted(backlog.order_ids), ports
    )


def resolve_orders(order_ids: Sequence[OrderId], ports: Ports) -> Outcome:
    """Resolve orders, however many, the hot store included."""
    outcome = Outcome()
    for start in range(0, len(order_ids), BACKLOG_PART):
        part = frozenset(order_ids[start : start + BACKLOG_PART])
        # A store that did not answer once is not asked again for every part.
        store = None if outcome.store_unavailable else ports.store
        outcome += _link(Touched(order_ids=part), store, ports)
    return outcome


def match_lots(ports: Ports) -> LotsMatched:
    """Bring lots and episodes up to date with the orders that changed since the last time.

    Raises:
        LedgerUnavailableError: the next time begins where this one did.
    """
    return ports.ledger.match_lots(seconds=LOTS_SECONDS)


def maintain(ports: Ports) -> LedgerHealth:
    """Do the ledger's periodic chores and measure the last hours.

    Raises:
        LedgerUnavailableError: nothing was measured.
    """
    now = ports.clock.now()
    return ports.ledger.maintain(Window(now - MAINTAIN_WINDOW, now))


def health_metrics(health: LedgerHealth) -> dict[str, float]:
    """Return the metrics of a measurement. The rate of expected orders is left out below 20 of them."""
    count = health.counts.get
    expected = count("linked", 0) + count("lost", 0) + count("conflict", 0)
    metrics: dict[str, float] = {
        "OrdersLost": count("lost", 0),
        "OrdersConflict": count("conflict", 0),
        "OrdersPending": count("pending", 0),
        "ExecutedOrders": (executed := sum(health.counts.values())),
    }
    if executed:
        # The alarm on it asks whether orders execute of which none is expected; without any it has no say.
        metrics["ExpectedOrders"] = expected
    if health.linkage_rate is not None and expected >= 20:
        metrics["LinkageRatePercent"] = 100 * health.linkage_rate
    if health.executed_linkage_rate is not None:
        metrics["ExecutedLinkagePercent"] = 100 * health.executed_linkage_rate
    return metrics


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
    """Return what a log line says of a batch's links: an entry per link, in the same order everywhere."""
    return {
        "links": len(outcome.made),
        "client_order_ids": [link.client_order_id for link in outcome.made],
        "order_ids": [link.order_id for link in outcome.made],
        "changed": sum(1 for link in outcome.made if link.relinked),
    }


def describe_quarantined(outcome: Outcome) -> dict[str, object]:
    """Return what a log line says of quarantined events: their number, reasons and messages, no bodies."""
    some = outcome.quarantined[:20]
    return {
        "events": len(outcome.quarantined),
        "reasons": [f"{bad.field}: {bad.reason}" if bad.field else bad.reason for bad in some],
        "message_ids": sorted({bad.message_id for bad in some if bad.message_id}),
    }


def record_and_link(facts: FactBatch, ports: Ports) -> Outcome:
    """Take both steps: record facts, then link what they touched.

    Raises:
        LedgerUnavailableError: nothing is certain.
    """
    recorded = ports.ledger.record(facts)
    outcome = replace(_outcome(recorded), quarantined=(*facts.quarantined, *recorded.quarantined))
    if not recorded.touched:
        return outcome
    enabled, store = linking_enabled(ports)
    if not enabled:
        return replace(outcome, linking_enabled=False)
    return outcome + _link(recorded.touched, store, ports)


def linking_enabled(ports: Ports) -> tuple[bool, SignalStore | None]:
    """Tell whether to link, and whom to ask for missing signals: not a store that just did not answer."""
    try:
        return ports.switchboard.linking_enabled(), ports.store
    except StoreUnavailableError:
        return True, None


def _link(touched: Touched, store: SignalStore | None, ports: Ports) -> Outcome:
    """Resolve, fetch the signals that the ledger lacks, and resolve what they concern once more."""
    if not touched:
        return Outcome()
    first = ports.ledger.resolve(touched)
    outcome = _linked(first, first.missing)
    if not first.missing:
        return outcome
    if store is None:
        return replace(outcome, store_unavailable=True)
    wanted = list(dict.fromkeys(key for missing in first.missing for key in missing.lookups))
    try:
        found = store.get_signals(wanted)
    except StoreUnavailableError:
        return replace(outcome, store_unavailable=True)
    if not found:
        return outcome
    waiting = [missing for missing in first.missing if found.keys().isdisjoint(missing.lookups)]
    served = frozenset(missing.order_id for missing in first.missing) - {one.order_id for one in waiting}
    recorded = ports.ledger.record(FactBatch(signals=list(found.values())))
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


def _outcome(recorded: Recorded) -> Outcome:
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
        missing=tuple(dict.fromkeys(one.client_order_id for one in missing)),
    )


def _facts_of_items(items: Sequence[HotItem]) -> FactBatch:
    parts: dict[str, list[str]] = {part: [] for part in _PART_OF_KIND.values()}
    quarantined: list[QuarantinedEvent] = []
    for item in items:
        try:
            parts[_PART_OF_KIND[item.kind]].append(_fact(item.kind, item.body))
        except (TypeError, ValueError) as error:
            quarantined.append(QuarantinedEvent(source="stream", reason=_reason(error), body=item.body))
    return FactBatch(**parts, quarantined=quarantined)


def _fact(kind: str, body: str) -> str:
    """Return the fact in an item's body: what is no JSON object is poison, a bot's secrets stay behind."""
    if kind == "bot":
        return BotRecord.model_validate_json(body).fact_text()
    if not isinstance(json.loads(body), dict):
        raise TypeError("the body is no JSON object")
    return body


def _poison(record: StreamRecord, error: Exception) -> QuarantinedEvent:
    image = dict(record.image)
    if image.get("kind") == "bot":
        image.pop("body", None)  # it holds the hashes of tokens
    return QuarantinedEvent(
        source="stream",
        reason=_reason(error),
        body=json.dumps(image, sort_keys=True, default=str),
        message_id=record.message_id,
    )


def _reason(error: Exception) -> str:
    text = str(error).splitlines()
    return f"{type(error).__name__}: {text[0] if text else ''}"[:500]


def _hours_back(now: datetime, hours: int) -> list[str]:
    return [(now - timedelta(hours=back)).strftime("%Y-%m-%dT%H") for back in range(hours, -1, -1)]
