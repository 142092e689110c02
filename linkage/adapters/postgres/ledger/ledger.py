"""The ledger's write side on PostgreSQL: two steps, each one transaction and one round trip."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg

from linkage.adapters.postgres.connection import (
    Connection,
    LedgerConnection,
    json_array,
    one_round_trip,
    only_row,
    rows,
)
from linkage.adapters.postgres.ledger import maintenance, quarantine, rates
from linkage.adapters.postgres.statements import statement
from linkage.domain.errors import InvalidInputError
from linkage.domain.facts import (
    FactBatch,
    LedgerHealth,
    LinkMade,
    LotsMatched,
    MissingSignal,
    QuarantinedEvent,
    QuarantinedEventRow,
    Recorded,
    RecordedOrder,
    Resolved,
    SignalKey,
    Touched,
    Window,
)
from linkage.domain.ids import BotId, ClientOrderId, OrderId
from linkage.ports.store import HotItem

if TYPE_CHECKING:
    from linkage.adapters.postgres.lots.lots import PostgresLots

INSERT_FACTS: Mapping[str, LiteralString] = {
    "fills": statement(__file__, "insert_fills"),
    "order_events": statement(__file__, "insert_order_events"),
    "signals": statement(__file__, "insert_signals"),
    "snapshots": statement(__file__, "insert_snapshots"),
    "runs": statement(__file__, "insert_runs"),
    "bots": statement(__file__, "insert_bots"),
    "switches": statement(__file__, "insert_switches"),
}
"""By part of a batch."""
INSERT_QUARANTINED = statement(__file__, "insert_quarantined")

WRITE_ORDERS = (
    statement(__file__, "insert_orders"),
    statement(__file__, "lock_orders"),
    statement(__file__, "invalidate_rates"),
    statement(__file__, "update_orders"),
)
RECORD_FILL_CONFLICTS = statement(__file__, "record_fill_conflicts")
DESCRIBE_SNAPSHOTS = (statement(__file__, "lock_snapshots"), statement(__file__, "describe_snapshots"))
CHANGE_ACTIVATIONS: Sequence[LiteralString] = (
    # One change at a time: it is computed from runs of which another batch may have just recorded some.
    "LOCK TABLE strategy_activations IN SHARE ROW EXCLUSIVE MODE",
    statement(__file__, "find_activation_changes"),
    # In this order: an activation that ends makes room for the one that is open.
    statement(__file__, "delete_activations"),
    statement(__file__, "update_activations"),
    statement(__file__, "insert_activations"),
)

ORDERS_OF_BOTS = statement(__file__, "orders_of_bots")
LOCK_RELATED = statement(__file__, "lock_related_orders")
INVALIDATE_RATES = statement(__file__, "invalidate_rates")
RESOLVE_LINKS = statement(__file__, "resolve_links")
UPDATE_ORDERS = statement(__file__, "update_orders")

# A batch finds everything by key. Statistics of a young or fast growing table tempt the planner into
# comparing each of its rows with each key of the batch, or into compiling what takes milliseconds to run.
# The orders that a transaction works on travel from statement to statement in a setting of it.
_BEGIN_STEP: LiteralString = (
    "SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true),"
    " set_config('linkage.scope', '{}', true), set_config('linkage.doubled', '{}', true)"
)

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
    ) -> Sequence[QuarantinedEventRow]:
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

    def save_trials(self, trials: Sequence[str]) -> int:
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


def record_batch(connection: Connection, batch: FactBatch) -> Recorded:
    """Insert facts and recompute the orders that they touch, in one transaction and one round trip."""
    with one_round_trip(connection):
        cursors = send_batch(connection, batch)
    inserted = {part: only_row(cursor) for part, cursor in cursors.items()}
    new = sum(answer.new_facts for answer in inserted.values())
    total = sum(len(getattr(batch, part)) for part in inserted)
    return Recorded(_touched(inserted), new, total - new)


def send_batch(connection: Connection, batch: FactBatch) -> Mapping[str, Any]:
    """Send the first step's statements within the caller's transaction.

    Returns:
        by part of the batch, the cursor with what was inserted.
    """
    inserted: dict[str, Any] = {}

    def insert(part: str) -> bool:
        texts = getattr(batch, part)
        if texts:
            inserted[part] = rows(connection, INSERT_FACTS[part], {"facts": json_array(texts)})
        return bool(texts)

    def run(statements: Sequence[LiteralString]) -> None:
        for query in statements:
            connection.execute(query)

    begin_step(connection)
    has_fills, has_events = insert("fills"), insert("order_events")
    if has_fills or has_events:
        run(WRITE_ORDERS)
    if has_fills:
        connection.execute(RECORD_FILL_CONFLICTS)
    insert("signals")
    if insert("snapshots"):
        run(DESCRIBE_SNAPSHOTS)
    if insert("runs"):
        run(CHANGE_ACTIVATIONS)
    insert("bots")
    insert("switches")
    if batch.quarantined:
        events = json.dumps([_quarantined_row(event) for event in batch.quarantined])
        connection.execute(INSERT_QUARANTINED, {"facts": events})
    return inserted


def _touched(inserted: Mapping[str, Any]) -> Touched:
    order_ids: set[OrderId] = set()
    for part in ("fills", "order_events"):
        if part in inserted:
            order_ids.update(inserted[part].order_ids or ())
    keys: frozenset[SignalKey] = frozenset()
    if "signals" in inserted:
        signals = inserted["signals"]
        keys = frozenset(
            SignalKey(BotId(bot_id), ClientOrderId(key))
            for bot_id, key in zip(signals.bot_ids or (), signals.client_order_ids or (), strict=True)
        )
    bots = inserted["bots"].bot_ids or () if "bots" in inserted else ()
    return Touched(frozenset(order_ids), keys, frozenset(bots))


def _quarantined_row(event: QuarantinedEvent) -> dict[str, str | None]:
    # PostgreSQL's text has no NUL; what comes with one is stored with its escape.
    return {
        name: None if value is None else value.replace("\x00", "\\u0000")
        for name, value in (
            ("source", event.source),
            ("reason", event.reason),
            ("field", event.field),
            ("body", event.body),
            ("message_id", event.message_id),
        )
    }


def resolve_links(connection: Connection, touched: Touched) -> Resolved:
    """Resolve the links of touched orders, in one transaction and, unless bots came, one round trip."""
    order_ids = set(touched.order_ids)
    if touched.bots:
        # Looked for in this step: what another recorder was about to commit in the first one is there by now.
        named = rows(connection, ORDERS_OF_BOTS, {"bots": sorted(touched.bots)})
        order_ids.update(order.order_id for order in named)
    parameters = {
        "orders": sorted(order_ids),
        "keys": sorted({key.client_order_id for key in touched.keys}),
    }
    with one_round_trip(connection):
        begin_step(connection)
        connection.execute(LOCK_RELATED, parameters)
        connection.execute(INVALIDATE_RATES)
        outcomes = rows(connection, RESOLVE_LINKS)
        connection.execute(UPDATE_ORDERS)
    made: list[LinkMade] = []
    removed: list[OrderId] = []
    missing: list[MissingSignal] = []
    conflicts: list[OrderId] = []
    for outcome in outcomes.fetchall():
        if outcome.what == "made":
            made.append(
                LinkMade(
                    order_id=outcome.order_id,
                    client_order_id=outcome.client_order_id,
                    snapshot_id=outcome.snapshot_id,
                    method=outcome.method,
                    relinked=outcome.relinked,
                    snapshot_changed=outcome.snapshot_changed,
                )
            )
        elif outcome.what == "removed":
            removed.append(outcome.order_id)
        elif outcome.what == "conflict":
            conflicts.append(outcome.order_id)
        elif outcome.what == "missing":
            key = outcome.client_order_id
            lookups = tuple(SignalKey(bot_id, key) for bot_id in outcome.lookups)
            missing.append(MissingSignal(outcome.order_id, key, lookups))
    return Resolved(made, removed, missing, conflicts)


def begin_step(connection: Connection) -> None:
    """Set what holds for all statements of a step, to its transaction's end."""
    connection.execute(_BEGIN_STEP)
