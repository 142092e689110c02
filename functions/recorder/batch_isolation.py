"""What holds for every batch: no delivery takes its neighbours along, and what became of it is told once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from functions.recorder import dependencies, service
from functions.recorder.service import Message, Outcome, StreamRecord
from linkage.domain.errors import LedgerUnavailableError
from linkage.runtime.observability import emit_counts

Delivery = TypeVar("Delivery", bound=Message | StreamRecord)


def outcome_of(
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
        dependencies.logger().warning(
            "Ledger unavailable", extra={"deliveries": len(batch), "reason": str(error)}
        )
        return Outcome(), batch
    except Exception as error:  # noqa: BLE001 - the handler's edge
        if len(batch) == 1:
            dependencies.logger().exception("Delivery failed", extra={"delivery": batch[0].message_id})
            if put_aside is None:
                return Outcome(), batch
            reason = f"unexpected {type(error).__name__}"
            return outcome_of(batch, lambda one: put_aside(one[0], reason))
    middle = len(batch) // 2
    first: tuple[Outcome, Sequence[Delivery]] = outcome_of(batch[:middle], use_case, put_aside)
    second: tuple[Outcome, Sequence[Delivery]] = outcome_of(batch[middle:], use_case, put_aside)
    failed: list[Delivery] = [*first[1], *second[1]]
    return first[0] + second[0], failed


def tell(outcome: Outcome, *, fills: bool = False, **gauges: float) -> None:
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
    if deadlocks := dependencies.deadlocks():
        counts["Deadlocks"] = deadlocks
    emit_counts(dependencies.metrics(), {**counts, **gauges})
