"""The ledger's write side on PostgreSQL: two steps, each one transaction and one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from linkage.adapters.postgres.connection import LedgerConnection
from linkage.adapters.postgres.ledger import maintenance, quarantine, rates
from linkage.adapters.postgres.ledger.recording import record_batch
from linkage.adapters.postgres.ledger.resolving import resolve_links
from linkage.domain.errors import InvalidInputError
from linkage.domain.facts import (
    FactBatch,
    KeptEvent,
    LedgerHealth,
    LotsMatched,
    QuarantinedEvent,
    Recorded,
    RecordedOrder,
    Resolved,
    Touched,
    Window,
)
from linkage.domain.ids import OrderId
from linkage.ports.store import HotItem

if TYPE_CHECKING:
    from linkage.adapters.postgres.lots.lots import PostgresLots

_PARTS = ("fills", "order_events", "signals", "snapshots", "runs", "bots", "switches")
_SOURCE_OF_PART = {"fills": "fills", "order_events": "fills"}
_PATIENT_SECONDS = 45.0
_ROLL_UP_SECONDS = 60.0


class PostgresLedger:
    """The write side of the ledger: each method serves the port that its docstring names.

    Args:
        connection: as ``recorder``.
    """

    def __init__(self, connection: LedgerConnection) -> None:
        self.connection = connection

    @property
    def deadlocks(self) -> int:
        """How often a step met a deadlock and was begun anew."""
        return self.connection.deadlocks

    def record(self, facts: FactBatch) -> Recorded:
        """Insert facts and recompute the orders that they touch, in one transaction.

        An event that PostgreSQL cannot take (SQLSTATE 22, 23) is found by halving the batch, and put into
        the quarantine; its neighbours are recorded.
        """
        if not any(getattr(facts, part) for part in (*_PARTS, "quarantined")):
            return Recorded(Touched(), 0, 0)
        try:
            return self.connection.run(partial(record_batch, batch=facts))
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            return self._record_in_parts(facts, error)

    def resolve(self, touched: Touched) -> Resolved:
        """Resolve the links of touched orders and of all that depend on them, in one transaction."""
        if touched == Touched():
            return Resolved()
        return self.connection.run(partial(resolve_links, touched=touched))

    def unresolved(self, *, limit: int) -> Touched:
        """Return executed orders without a link that should have one or may get one; see ``maintenance``."""
        return self.connection.run(
            partial(maintenance.unresolved_orders, limit=limit), deadline_seconds=_PATIENT_SECONDS
        )

    def recorded_since(
        self, start: datetime, *, after: OrderId | None = None, limit: int
    ) -> Sequence[RecordedOrder]:
        """Return the orders first recorded since a moment; see ``ports.links.LinkResolver``."""
        return self.connection.run(
            partial(maintenance.recorded_since, start=start, after=after, limit=limit),
            deadline_seconds=_PATIENT_SECONDS,
        )

    def quarantined(
        self, *, quarantine_id: int | None = None, after: int = 0, limit: int
    ) -> Sequence[KeptEvent]:
        """Return unresolved events of the quarantine; see ``ports.quarantine.Quarantine``."""
        return self.connection.run(
            partial(quarantine.quarantined_events, quarantine_id=quarantine_id, after=after, limit=limit)
        )

    def settle(self, quarantine_id: int) -> None:
        """Mark an event of the quarantine as resolved, the first time."""
        self.connection.run(partial(quarantine.settle, quarantine_id=quarantine_id))

    def dismiss(self, quarantine_id: int, reason: str) -> bool:
        """Mark an event of the quarantine as never to be taken; see ``ports.quarantine.Quarantine``."""
        return self.connection.run(partial(quarantine.dismiss, quarantine_id=quarantine_id, reason=reason))

    def keep_trials(self, trials: Sequence[str]) -> int:
        """Add trials; see ``ports.trials.TrialRegistry``."""
        try:
            return self.connection.run(partial(maintenance.insert_trials, trials=trials))
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise InvalidInputError(f"that is no trial: {error.diag.message_primary}", "trials") from error

    def missing_facts(self, items: Sequence[HotItem]) -> Sequence[HotItem]:
        """Return those hot items whose facts are not in the ledger, in their order.

        An item that has no identity, or one that PostgreSQL cannot take, is certainly not there.
        """
        try:
            absent = self.connection.run(
                partial(maintenance.missing_facts, items=items), deadline_seconds=_PATIENT_SECONDS
            )
        except psycopg.DataError:
            if len(items) == 1:
                return items
            middle = len(items) // 2
            return [*self.missing_facts(items[:middle]), *self.missing_facts(items[middle:])]
        return [item for number, item in enumerate(items) if number in absent]

    def match_lots(self, *, seconds: float) -> LotsMatched:
        """Bring lots and episodes up to date; see ``ports.lots.LotMatcher``."""
        return self._lots().match_lots(seconds=seconds)

    def rewind_lots(self, since: datetime) -> None:
        """Let the next ``match_lots`` begin with what changed since a moment."""
        self._lots().rewind(since)

    def maintain(self, window: Window) -> LedgerHealth:
        """Count the rates of what has settled until its end; measure the window and the quarantine.

        Test orders are not measured.
        """
        next_writer = rates.create_buckets(self.connection, window.end)
        health = self.connection.run(
            partial(maintenance.health, window=window), deadline_seconds=_PATIENT_SECONDS
        )
        rates.roll_up(self.connection, next_writer, seconds=_ROLL_UP_SECONDS)
        return health

    def _lots(self) -> PostgresLots:
        # Only the sweep needs it; the function that records fills shall not pay for its import.
        from linkage.adapters.postgres.lots.lots import PostgresLots

        return PostgresLots(self.connection)

    def _record_in_parts(self, batch: FactBatch, error: psycopg.Error) -> Recorded:
        facts = [(part, text) for part in _PARTS for text in getattr(batch, part)]
        if len(facts) > 1:
            middle = len(facts) // 2
            halves = (_batch(facts[:middle], batch.quarantined), _batch(facts[middle:], ()))
            first, second = (self.record(half) for half in halves)
            return Recorded(
                first.touched | second.touched,
                first.new_facts + second.new_facts,
                first.repeated_facts + second.repeated_facts,
                (*first.quarantined, *second.quarantined),
            )
        if not facts:
            raise error
        ((part, text),) = facts
        guilty = QuarantinedEvent(
            source=_SOURCE_OF_PART.get(part, "stream"),
            reason=f"{error.sqlstate}: {error.diag.message_primary or type(error).__name__}",
            field=error.diag.column_name or error.diag.constraint_name or "",
            body=text,
        )
        self.record(FactBatch(quarantined=(*batch.quarantined, guilty)))
        return Recorded(Touched(), 0, 0, (guilty,))


def _batch(facts: Iterable[tuple[str, str]], quarantined: Sequence[QuarantinedEvent]) -> FactBatch:
    parts: dict[str, list[str]] = {part: [] for part in _PARTS}
    for part, text in facts:
        parts[part].append(text)
    return FactBatch(**parts, quarantined=quarantined)
