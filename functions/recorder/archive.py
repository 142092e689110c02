"""The archive: what the hot store took in becomes facts of the ledger, by its stream or by the sweep."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from functions.recorder.service import (
    Outcome,
    Ports,
    linking_enabled,
    record_and_link,
    recorded_outcome,
    resolve_backlog,
)
from linkage.contracts.signals import BotRecord
from linkage.domain.errors import StoreUnavailableError
from linkage.domain.facts import FactBatch, QuarantinedEvent
from linkage.ports.store import HotItem

SWEEP_CHUNK = 500

_PART_OF_KIND = {
    "signal": "signals",
    "snapshot": "snapshots",
    "run": "runs",
    "bot": "bots",
    "switch": "switches",
}

ARCHIVED_KINDS = frozenset(_PART_OF_KIND)


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One change of the hot store: the item's new attributes, as plain strings where they are strings."""

    message_id: str
    image: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found and did. ``oldest_unarchived_seconds`` is 0 when the stream had missed nothing."""

    archived: int = 0
    oldest_unarchived_seconds: float = 0.0
    outcome: Outcome = field(default_factory=Outcome)


def archive(records: Sequence[StreamRecord], ports: Ports) -> Outcome:
    """Archive what the hot store took in, then link the orders that waited for it.

    When the batch turns linking on, the orders recorded while it was off are resolved as well.

    Raises:
        LedgerUnavailableError: the records have to be redelivered.
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
    """Quarantine one stream record: a stream stands still behind a record that fails for ever."""
    return recorded_outcome(ports.ledger.record(FactBatch(quarantined=[_poison(record, ValueError(reason))])))


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
                # What is quarantined will never be archived: it must not keep the alarm up.
                quarantined = {bad.body for bad in done.quarantined}
                good = [item for item in missed if item.body not in quarantined]
                archived += len(good)
                oldest = min(oldest, *(item.received_at for item in good)) if good else oldest
                outcome += done
    except StoreUnavailableError:
        outcome = replace(outcome, store_unavailable=True)
    if outcome.linking_enabled and linking_enabled(ports)[0]:
        outcome += resolve_backlog(ports)
    return Swept(archived, (now - oldest).total_seconds(), outcome)


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
