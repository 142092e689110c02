"""Entry points of the recorder: fills from the queue, signals from the table's stream, two schedules.

``sweep`` also does what an operator asks for: one repair instead of its round, a part of it per invocation.
``next`` of such a reply is the event that asks for the part after it, and null at the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from functions.recorder import archive, dependencies, maintenance, repair, service
from functions.recorder.archive import StreamRecord
from functions.recorder.service import Message, Outcome
from linkage.domain.canonical import iso_utc, parse_utc
from linkage.domain.errors import LedgerUnavailableError, SchemaMismatchError
from linkage.runtime.observability import emit_counts

Event = Mapping[str, Any]
Delivery = TypeVar("Delivery", bound=Message | StreamRecord)


def record_fills(event: Event, _context: object) -> dict[str, Any]:
    """Record the fills and order events of an SQS batch; reply with the messages that failed."""
    messages = [Message(record["messageId"], record["body"]) for record in event["Records"]]
    outcome, failed = _serve(messages, partial(service.record_fills, ports=dependencies.ports()))
    _report(outcome, fills=True)
    return _batch_reply(failed)


def archive_signals(event: Event, _context: object) -> dict[str, Any]:
    """Archive a batch of the table's stream; reply with the record from which it has to be redelivered."""
    records = [
        StreamRecord(record["dynamodb"]["SequenceNumber"], _texts(record["dynamodb"].get("NewImage", {})))
        for record in event["Records"]
        if record["eventName"] != "REMOVE"
    ]
    ports = dependencies.ports()
    outcome, failed = _serve(
        records, partial(archive.archive, ports=ports), partial(archive.quarantine, ports=ports)
    )
    _report(outcome)
    return _batch_reply(failed)


def sweep(event: Event, _context: object) -> dict[str, Any]:
    """Archive what the stream missed, and link what a fault left behind; or do what an operator asks for."""
    for field, request in _REQUESTS.items():
        if field in event:
            return request(event)
    swept = archive.sweep(dependencies.settings().sweep_hours, dependencies.ports())
    _report(swept.outcome, OldestUnarchivedSeconds=swept.oldest_unarchived_seconds)
    reply = {"archived": swept.archived, "linked": len(swept.outcome.made)}
    dependencies.logger().info("Ledger swept", extra=reply)
    return {**reply, "lots": _match_lots()}


def maintain(_event: Event, _context: object) -> dict[str, Any]:
    """Do the ledger's periodic chores and publish what the alarms read."""
    health = maintenance.maintain(dependencies.ledger(), dependencies.clock())
    emit_counts(dependencies.metrics(), maintenance.health_metrics(health))
    dependencies.logger().info("Ledger maintained", extra={"dispositions": health.counts})
    return {"dispositions": health.counts, "quarantined": health.quarantined}


def _serve(
    batch: Sequence[Delivery],
    use_case: Callable[[Sequence[Delivery]], Outcome],
    quarantine: Callable[[Delivery, str], Outcome] | None = None,
) -> tuple[Outcome, Sequence[Delivery]]:
    """Return what became of a batch, and the deliveries that failed. No delivery fails its neighbours.

    A failure that is not the ledger's is a defect of ours that some delivery brings out: halving the
    batch finds it, so that its neighbours are recorded. The queue gives such a delivery fifty more
    chances; a stream stands still behind its own, so it is quarantined.
    """
    try:
        return use_case(batch), ()
    except LedgerUnavailableError as error:
        _report_unavailable(error, len(batch))
        return Outcome(), batch
    except Exception as error:  # noqa: BLE001 - the handler's edge
        if len(batch) == 1:
            dependencies.logger().exception("Delivery failed", extra={"delivery": batch[0].message_id})
            if quarantine is None:
                return Outcome(), batch
            reason = f"unexpected {type(error).__name__}"
            return _serve(batch, lambda guilty: quarantine(guilty[0], reason))
    middle = len(batch) // 2
    first: tuple[Outcome, Sequence[Delivery]] = _serve(batch[:middle], use_case, quarantine)
    second: tuple[Outcome, Sequence[Delivery]] = _serve(batch[middle:], use_case, quarantine)
    failed: list[Delivery] = [*first[1], *second[1]]
    return first[0] + second[0], failed


def _report(outcome: Outcome, *, fills: bool = False, **gauges: float) -> None:
    """Log a batch, at most one line for each thing to be known, and emit its metrics in one line."""
    log = dependencies.logger()
    if outcome.made:
        log.info("STRATEGY_LINK created", extra=service.describe_links(outcome))
    if fills and outcome.missing:
        log.warning("No metadata cached", extra={"client_order_ids": list(outcome.missing)})
    if outcome.quarantined:
        log.warning("Events quarantined", extra=service.describe_quarantined(outcome))
    if outcome.store_unavailable:
        log.warning("Hot store unavailable", extra={"links_left_to": "sweep"})
    counts = service.outcome_metrics(outcome, fills=fills)
    connection = dependencies.connection()
    if connection.deadlocks:
        counts["Deadlocks"], connection.deadlocks = connection.deadlocks, 0
    emit_counts(dependencies.metrics(), {**counts, **gauges})


def _report_unavailable(error: LedgerUnavailableError, batch_size: int) -> None:
    """Log why a whole batch is redelivered. A schema that does not fit the code is counted too."""
    fields = {"deliveries": batch_size, "reason": str(error)}
    if isinstance(error, SchemaMismatchError):
        dependencies.logger().error("Schema mismatch", extra=fields)
        emit_counts(dependencies.metrics(), {"SchemaMismatch": 1})
    else:
        dependencies.logger().warning("Ledger unavailable", extra=fields)


def _batch_reply(failed: Sequence[Message | StreamRecord]) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": delivery.message_id} for delivery in failed]}


def _texts(image: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: value["S"] for name, value in image.items() if "S" in value}


def _match_lots() -> dict[str, Any]:
    """Bring lots up to date, and report of which books."""
    matched = maintenance.match_lots(dependencies.ledger())
    reply = {"orders": matched.orders, "books": matched.books, "further": matched.further}
    dependencies.logger().info("Lots matched", extra=reply)
    if matched.failed:
        dependencies.logger().error("Books not matched", extra={"books": list(matched.failed)[:20]})
    return {**reply, "failed": list(matched.failed)}


def _relink(event: Event) -> dict[str, Any]:
    """``{"relink_since": iso, "after"?: order_id}``: resolve again what was recorded since then."""
    since, after = parse_utc(event["relink_since"]), event.get("after")
    if after is None:
        # Links decide which book an order is in.
        dependencies.ledger().rewind_lots(since)
    relinked = repair.relink(since, dependencies.ports(), after=after)
    _report(relinked.outcome)
    reply = repair.describe_relinked(relinked)
    dependencies.logger().info("Orders relinked", extra=reply)
    last = relinked.last
    further = last and {"relink_since": iso_utc(last.first_recorded_at), "after": last.order_id}
    return {**reply, "next": further}


def _retry_quarantined(event: Event) -> dict[str, Any]:
    """``{"retry_quarantined": id | "all", "after"?: id}``: take quarantined events as if they came now.

    One that cannot be taken stays, and holds up no other.
    """
    wanted, quarantine = event["retry_quarantined"], dependencies.ledger()
    waiting = quarantine.quarantined(
        quarantine_id=None if wanted == "all" else int(wanted),
        after=int(event.get("after", 0)),
        limit=repair.RETRY_EVENTS,
    )
    outcome, retried = Outcome(), []
    for entry in waiting:
        try:
            done, reason = repair.retry(entry, quarantine, dependencies.ports())
            outcome += done
        except LedgerUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - the handler's edge
            reason = f"unexpected {type(error).__name__}"
            dependencies.logger().exception("Retry failed", extra={"quarantine_id": entry.quarantine_id})
        retried.append({"quarantine_id": entry.quarantine_id, "understood": not reason, "reason": reason})
    _report(outcome)
    understood = sum(1 for entry in retried if entry["understood"])
    counts = {"understood": understood, "left": len(retried) - understood}
    dependencies.logger().info("Quarantine retried", extra=counts)
    more = len(waiting) == repair.RETRY_EVENTS
    further = {"retry_quarantined": "all", "after": waiting[-1].quarantine_id} if more else None
    return {"events": retried, "next": further}


def _dismiss_quarantined(event: Event) -> dict[str, Any]:
    """``{"dismiss_quarantined": id, "reason": text}``: one of them will never be taken."""
    quarantine_id = int(event["dismiss_quarantined"])
    waited = dependencies.ledger().dismiss(quarantine_id, str(event["reason"]))
    fields = {"quarantine_id": quarantine_id, "waited": waited}
    dependencies.logger().info("Quarantine dismissed", extra=fields)
    return {"dismissed": waited}


def _save_trials(event: Event) -> dict[str, Any]:
    """``{"trials": [trial, …]}``: know of parameter sets that were tried elsewhere."""
    trials = [json.dumps(trial) for trial in event["trials"]]
    counts = {"trials": len(trials), "new": dependencies.ledger().save_trials(trials)}
    dependencies.logger().info("Trials saved", extra=counts)
    return counts


_REQUESTS: Mapping[str, Callable[[Event], dict[str, Any]]] = {
    "match_lots": lambda _event: {"lots": _match_lots()},
    "relink_since": _relink,
    "retry_quarantined": _retry_quarantined,
    "dismiss_quarantined": _dismiss_quarantined,
    "trials": _save_trials,
}
"""By the field that an event asks with. ``{"match_lots": true}`` asks for lots and nothing else."""
