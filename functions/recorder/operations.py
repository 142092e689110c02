"""What an operator asks of ``sweep``: one repair instead of its round, a part of it per invocation.

``next`` of a reply is the event that asks for the part after it, and null at the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from functions.recorder import dependencies, repair, service
from functions.recorder.batch_isolation import tell
from functions.recorder.service import Outcome
from linkage.domain.errors import LedgerUnavailableError
from linkage.domain.times import iso_utc, parse_utc

Event = Mapping[str, Any]


def match_lots() -> dict[str, Any]:
    """Bring lots up to date, and say of which books."""
    matched = service.match_lots(dependencies.ports())
    reply = {"orders": matched.orders, "books": matched.books, "further": matched.further}
    dependencies.logger().info("Lots matched", extra=reply)
    if matched.failed:
        dependencies.logger().error("Books not matched", extra={"books": list(matched.failed)[:20]})
    return {**reply, "failed": list(matched.failed)}


def relink(event: Event) -> dict[str, Any]:
    """``{"relink_since": iso, "after"?: order_id}``: resolve again what was recorded since then."""
    after = event.get("after")
    if after is None:
        # Links decide which book an order is in.
        dependencies.ports().ledger.rewind_lots(parse_utc(event["relink_since"]))
    done = repair.relink(parse_utc(event["relink_since"]), dependencies.ports(), after=after)
    tell(done.outcome)
    reply = repair.describe_relinked(done)
    dependencies.logger().info("Orders relinked", extra=reply)
    last = done.last
    further = last and {"relink_since": iso_utc(last.first_recorded_at), "after": last.order_id}
    return {**reply, "next": further}


def retry_quarantined(event: Event) -> dict[str, Any]:
    """``{"retry_quarantined": id | "all", "after"?: id}``: take quarantined events as if they came now.

    One that cannot be taken stays, and holds up no other.
    """
    ports, wanted = dependencies.ports(), event["retry_quarantined"]
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
            dependencies.logger().exception("Retry failed", extra={"quarantine_id": one.quarantine_id})
        retried.append({"quarantine_id": one.quarantine_id, "understood": not reason, "reason": reason})
    tell(outcome)
    understood = sum(1 for one in retried if one["understood"])
    counts = {"understood": understood, "left": len(retried) - understood}
    dependencies.logger().info("Quarantine retried", extra=counts)
    more = len(kept) == repair.RETRY_EVENTS
    further = {"retry_quarantined": "all", "after": kept[-1].quarantine_id} if more else None
    return {"events": retried, "next": further}


def dismiss_quarantined(event: Event) -> dict[str, Any]:
    """``{"dismiss_quarantined": id, "reason": text}``: put one away for good."""
    number = int(event["dismiss_quarantined"])
    waited = dependencies.ports().ledger.dismiss(number, str(event["reason"]))
    dependencies.logger().info("Quarantine dismissed", extra={"quarantine_id": number, "waited": waited})
    return {"dismissed": waited}


def keep_trials(event: Event) -> dict[str, Any]:
    """``{"trials": [trial, …]}``: know of parameter sets that were tried elsewhere."""
    told = [json.dumps(trial) for trial in event["trials"]]
    counts = {"trials": len(told), "new": dependencies.ports().ledger.keep_trials(told)}
    dependencies.logger().info("Trials kept", extra=counts)
    return counts


REQUESTS: Mapping[str, Callable[[Event], dict[str, Any]]] = {
    "match_lots": lambda _event: {"lots": match_lots()},
    "relink_since": relink,
    "retry_quarantined": retry_quarantined,
    "dismiss_quarantined": dismiss_quarantined,
    "trials": keep_trials,
}
"""By the field that an event asks with. ``{"match_lots": true}`` asks for lots and nothing else."""
