"""Entry points of the recorder: fills from the queue, signals from the table's stream, two schedules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from functions.recorder import collaborators, repair, service
from functions.recorder.service import Message, Outcome, StreamRecord
from linkage.domain.errors import LedgerUnavailableError
from linkage.domain.times import iso_utc, parse_utc
from linkage.runtime.observability import emit_counts

Event = Mapping[str, Any]
Delivery = TypeVar("Delivery", bound=Message | StreamRecord)


def record_fills(event: Event, _context: object) -> dict[str, Any]:
    """Record the fills and order events of an SQS batch; reply with the messages that have to come again."""
    messages = [Message(record["messageId"], record["body"]) for record in event["Records"]]
    ports = collaborators.ports()
    outcome, failed = _outcome_of(messages, lambda batch: service.record_fills(batch, ports))
    _tell(outcome, fills=True)
    return _reply(message.message_id for message in failed)


def archive_signals(event: Event, _context: object) -> dict[str, Any]:
    """Archive a batch of the table's stream; reply with the record from which it has to come again."""
    records = [
        StreamRecord(record["dynamodb"]["SequenceNumber"], _texts(record["dynamodb"].get("NewImage", {})))
        for record in event["Records"]
        if record["eventName"] != "REMOVE"
    ]
    ports = collaborators.ports()
    outcome, failed = _outcome_of(
        records,
        lambda batch: service.archive(batch, ports),
        put_aside=lambda record, reason: service.quarantine(record, reason, ports),
    )
    _tell(outcome)
    return _reply(record.message_id for record in failed)


def sweep(event: Event, _context: object) -> dict[str, Any]:
    """Archive what the stream missed, and link what a fault left behind.

    An operator may ask for another repair instead: ``{"relink_since": iso, "after"?: order_id}`` or
    ``{"retry_quarantined": id | "all", "after"?: id}``. Each does a part; ``next`` of the reply asks for the
    one after it, and is null at the end. ``{"dismiss_quarantined": id, "reason": text}`` puts one away.
    ``{"match_lots": true}`` brings lots up to date and does nothing else.
    """
    if "match_lots" in event:
        return {"lots": _match_lots()}
    if "relink_since" in event:
        return _relink(event)
    if "retry_quarantined" in event:
        return _retry_quarantined(event)
    if "dismiss_quarantined" in event:
        return _dismiss_quarantined(event)
    swept = service.sweep(collaborators.settings().sweep_hours, collaborators.ports())
    _tell(swept.outcome, OldestUnarchivedSeconds=swept.oldest_unarchived_seconds)
    reply = {"archived": swept.archived, "linked": len(swept.outcome.made)}
    collaborators.logger().info("Ledger swept", extra=reply)
    return {**reply, "lots": _match_lots()}


def maintain(_event: Event, _context: object) -> dict[str, Any]:
    """Do the ledger's periodic chores and publish what the alarms read."""
    health = service.maintain(collaborators.ports())
    emit_counts(collaborators.metrics(), service.health_metrics(health))
    collaborators.logger().info("Ledger maintained", extra={"dispositions": health.counts})
    return {"dispositions": health.counts, "quarantined": health.quarantined}


def _match_lots() -> dict[str, Any]:
    matched = service.match_lots(collaborators.ports())
    reply = {"orders": matched.orders, "books": matched.books, "further": matched.further}
    collaborators.logger().info("Lots matched", extra=reply)
    if matched.failed:
        collaborators.logger().error("Books not matched", extra={"books": list(matched.failed)[:20]})
    return {**reply, "failed": list(matched.failed)}


def _relink(event: Event) -> dict[str, Any]:
    after = event.get("after")
    if after is None:
        # Links decide which book an order is in.
        collaborators.ports().ledger.rewind_lots(parse_utc(event["relink_since"]))
    done = repair.relink(parse_utc(event["relink_since"]), collaborators.ports(), after=after)
    _tell(done.outcome)
    reply = repair.describe_relinked(done)
    collaborators.logger().info("Orders relinked", extra=reply)
    last = done.last
    further = last and {"relink_since": iso_utc(last.first_recorded_at), "after": last.order_id}
    return {**reply, "next": further}


def _retry_quarantined(event: Event) -> dict[str, Any]:
    """Take quarantined events as if they came now. One that cannot be taken stays, and holds up no other."""
    ports, wanted = collaborators.ports(), event["retry_quarantined"]
    kept = ports.ledger.quarantined(
        quarantine_id=None if wanted == "all" else int(wanted),
        after=int(event.get("after", 0)),
        limit=repair.RETRY_EVENTS,
    )
    outcome, retried = Outcome(), []
    for one in kept:
        try:
            done, reason = repair.retry(one, ports)
            outcome += done
        except LedgerUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - the handler's edge
            reason = f"unexpected {type(error).__name__}"
            collaborators.logger().exception("Retry failed", extra={"quarantine_id": one.quarantine_id})
        retried.append({"quarantine_id": one.quarantine_id, "understood": not reason, "reason": reason})
    _tell(outcome)
    understood = sum(1 for one in retried if one["understood"])
    counts = {"understood": understood, "left": len(retried) - understood}
    collaborators.logger().info("Quarantine retried", extra=counts)
    more = len(kept) == repair.RETRY_EVENTS
    further = {"retry_quarantined": "all", "after": kept[-1].quarantine_id} if more else None
    return {"events": retried, "next": further}


def _dismiss_quarantined(event: Event) -> dict[str, Any]:
    number = int(event["dismiss_quarantined"])
    waited = collaborators.ports().ledger.dismiss(number, str(event["reason"]))
    collaborators.logger().info("Quarantine dismissed", extra={"quarantine_id": number, "waited": waited})
    return {"dismissed": waited}


def _outcome_of(
    batch: Sequence[Delivery],
    use_case: Callable[[Sequence[Delivery]], Outcome],
    put_aside: Callable[[Delivery, str], Outcome] | None = None,
) -> tuple[Outcome, Sequence[Delivery]]:
    """Return what became of a batch, and the deliveries that have to come again.

    A failure that is not the ledger's is a defect of ours that some delivery brings out: halving the
    batch finds it, so that its neighbours are recorded. The queue gives such a delivery fifty more
    chances; a stream stands still behind its own, so it is put aside.
    """
    try:
        return use_case(batch), ()
    except LedgerUnavailableError as error:
        collaborators.logger().warning(
            "Ledger unavailable", extra={"deliveries": len(batch), "reason": str(error)}
        )
        return Outcome(), batch
    except Exception as error:  # noqa: BLE001 - the handler's edge
        if len(batch) == 1:
            collaborators.logger().exception("Delivery failed", extra={"delivery": batch[0].message_id})
            if put_aside is None:
                return Outcome(), batch
            reason = f"unexpected {type(error).__name__}"
            return _outcome_of(batch, lambda one: put_aside(one[0], reason))
    middle = len(batch) // 2
    first: tuple[Outcome, Sequence[Delivery]] = _outcome_of(batch[:middle], use_case, put_aside)
    second: tuple[Outcome, Sequence[Delivery]] = _outcome_of(batch[middle:], use_case, put_aside)
    failed: list[Delivery] = [*first[1], *second[1]]
    return first[0] + second[0], failed


def _tell(outcome: Outcome, *, fills: bool = False, **gauges: float) -> None:
    """Log a batch, at most one line for each thing to be known, and emit its metrics in one line."""
    log = collaborators.logger()
    if outcome.made:
        log.info("STRATEGY_LINK created", extra=service.describe_links(outcome))
    if fills and outcome.missing:
        log.warning("No metadata cached", extra={"client_order_ids": list(outcome.missing)})
    if outcome.quarantined:
        log.warning("Events quarantined", extra=service.describe_quarantined(outcome))
    if outcome.store_unavailable:
        log.warning("Hot store unavailable", extra={"links_left_to": "sweep"})
    counts = service.outcome_metrics(outcome, fills=fills)
    if deadlocks := collaborators.deadlocks():
        counts["Deadlocks"] = deadlocks
    emit_counts(collaborators.metrics(), {**counts, **gauges})


def _reply(identifiers: Iterable[str]) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


def _texts(image: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: value["S"] for name, value in image.items() if "S" in value}
