"""The ledger's write side on PostgreSQL: two steps, each one transaction and one round trip."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg.pq import TransactionStatus

from linkage.adapters.postgres.connection import Connection, LedgerConnection
from linkage.adapters.postgres.ledger import facts, links, maintenance, orders, rates
from linkage.domain.errors import InvalidInputError
from linkage.domain.facts import (
    FactBatch,
    KeptEvent,
    LedgerHealth,
    LinkMade,
    LotsMatched,
    MissingSignal,
    QuarantinedEvent,
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

_PARTS = ("fills", "order_events", "signals", "snapshots", "runs", "bots", "switches")
_SOURCE_OF_PART = {"fills": "fills", "order_events": "fills"}
_IDENTITY_OF_KIND: Mapping[str, tuple[str, ...]] = {
    "signal": ("bot_id", "client_order_id", "meaning"),
    "snapshot": ("snapshot_id", "config_hash"),
    "run": ("run_id",),
    "bot": ("bot_id", "updated_at"),
    "switch": ("changed_at",),
}
_PATIENT_SECONDS = 45.0
_ROLL_UP_SECONDS = 60.0

# A batch finds everything by key. Statistics of a young or fast growing table tempt the planner into
# comparing each of its rows with each key of the batch, or into compiling what takes milliseconds to run.
_BY_KEY = (
    "SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true),"
    " set_config('linkage.scope', '{}', true), set_config('linkage.doubled', '{}', true)"
)

Cursor = psycopg.Cursor[tuple[Any, ...]]


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
            return self.connection.run(lambda connection: _record(connection, facts))
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            return self._record_in_parts(facts, error)

    def resolve(self, touched: Touched) -> Resolved:
        """Resolve the links of touched orders and of all that depend on them, in one transaction."""
        if touched == Touched():
            return Resolved()
        return self.connection.run(lambda connection: _resolve(connection, touched))

    def unresolved(self, *, limit: int) -> Touched:
        """Return executed orders without a link that should have one or may get one; see ``maintenance``."""
        parameters = {"limit": limit, "days": maintenance.BACKLOG_DAYS}
        rows = self.connection.run(
            lambda connection: connection.execute(maintenance.UNRESOLVED, parameters).fetchall(),
            deadline_seconds=_PATIENT_SECONDS,
        )
        return Touched(order_ids=frozenset(OrderId(row[0]) for row in rows))

    def recorded_since(
        self, start: datetime, *, after: OrderId | None = None, limit: int
    ) -> Sequence[RecordedOrder]:
        """Return the orders first recorded since a moment; see ``ports.links.LinkResolver``."""
        parameters = {"start": start, "after": after or "", "limit": limit}
        rows = self.connection.run(
            lambda connection: connection.execute(maintenance.RECORDED_SINCE, parameters).fetchall(),
            deadline_seconds=_PATIENT_SECONDS,
        )
        return [RecordedOrder(*row) for row in rows]

    def quarantined(
        self, *, quarantine_id: int | None = None, after: int = 0, limit: int
    ) -> Sequence[KeptEvent]:
        """Return unresolved events of the quarantine; see ``ports.quarantine.Quarantine``."""
        parameters = {"id": quarantine_id, "after": after, "limit": limit}
        rows = self.connection.run(
            lambda connection: connection.execute(maintenance.QUARANTINED, parameters).fetchall()
        )
        return [KeptEvent(*row) for row in rows]

    def settle(self, quarantine_id: int) -> None:
        """Mark an event of the quarantine as resolved, the first time."""
        self.connection.run(lambda connection: connection.execute(maintenance.SETTLE, [quarantine_id]))

    def dismiss(self, quarantine_id: int, reason: str) -> bool:
        """Mark an event of the quarantine as never to be taken; see ``ports.quarantine.Quarantine``."""
        parameters = [reason, quarantine_id]
        done = self.connection.run(lambda connection: connection.execute(maintenance.DISMISS, parameters))
        return done.rowcount == 1

    def keep_trials(self, trials: Sequence[str]) -> int:
        """Add trials; see ``ports.trials.TrialRegistry``."""
        try:
            done = self.connection.run(
                lambda connection: connection.execute(maintenance.KEEP_TRIALS, [_array(trials)])
            )
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise InvalidInputError(f"that is no trial: {error.diag.message_primary}", "trials") from error
        return done.rowcount

    def missing_facts(self, items: Sequence[HotItem]) -> Sequence[HotItem]:
        """Return those hot items whose facts are not in the ledger, in their order.

        An item that has no identity, or one that PostgreSQL cannot take, is certainly not there.
        """
        try:
            absent = self.connection.run(
                lambda connection: _missing(connection, items), deadline_seconds=_PATIENT_SECONDS
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
        next_writer = rates.make_room(self.connection, window.end)
        health = self.connection.run(
            lambda connection: _health(connection, window), deadline_seconds=_PATIENT_SECONDS
        )
        rates.roll_up(self.connection, next_writer, seconds=_ROLL_UP_SECONDS)
        return health

    def _lots(self) -> PostgresLots:
        # Only the sweep needs it; the function that records fills shall not pay for its import.
        from linkage.adapters.postgres.lots.lots import PostgresLots

        return PostgresLots(self.connection)

    def _record_in_parts(self, batch: FactBatch, error: psycopg.Error) -> Recorded:
        rows = [(part, text) for part in _PARTS for text in getattr(batch, part)]
        if len(rows) > 1:
            middle = len(rows) // 2
            halves = (_batch(rows[:middle], batch.quarantined), _batch(rows[middle:], ()))
            first, second = (self.record(half) for half in halves)
            return Recorded(
                first.touched | second.touched,
                first.new_facts + second.new_facts,
                first.repeated_facts + second.repeated_facts,
                (*first.quarantined, *second.quarantined),
            )
        if not rows:
            raise error
        ((part, text),) = rows
        guilty = QuarantinedEvent(
            source=_SOURCE_OF_PART.get(part, "stream"),
            reason=f"{error.sqlstate}: {error.diag.message_primary or type(error).__name__}",
            field=error.diag.column_name or error.diag.constraint_name or "",
            body=text,
        )
        self.record(FactBatch(quarantined=(*batch.quarantined, guilty)))
        return Recorded(Touched(), 0, 0, (guilty,))


def _batch(rows: Iterable[tuple[str, str]], quarantined: Sequence[QuarantinedEvent]) -> FactBatch:
    parts: dict[str, list[str]] = {part: [] for part in _PARTS}
    for part, text in rows:
        parts[part].append(text)
    return FactBatch(**parts, quarantined=quarantined)


@contextmanager
def _one_round_trip(connection: Connection) -> Iterator[None]:
    """Send statements, with those that begin and commit their transaction, before waiting for any answer.

    psycopg's own transactions wait three times more. After an error the server skips what follows, the
    commit included, and ``LedgerConnection`` rolls back. Within a caller's transaction it is a part of that.
    """
    own = connection.info.transaction_status == TransactionStatus.IDLE
    with connection.pipeline():
        if own:
            connection.execute("BEGIN")
        yield
        if own:
            connection.execute("COMMIT")


def _record(connection: Connection, batch: FactBatch) -> Recorded:
    with _one_round_trip(connection):
        inserts = record_statements(connection, batch)
    answers = {part: cursor.fetchone() or () for part, cursor in inserts.items()}
    new = sum(int(answer[0]) for answer in answers.values())
    total = sum(len(getattr(batch, part)) for part in inserts)
    return Recorded(_touched(answers), new, total - new)


def record_statements(connection: Connection, batch: FactBatch) -> Mapping[str, Cursor]:
    """Send the first step's statements within the caller's transaction.

    Returns:
        by part of the batch, the cursor with what was inserted.
    """
    inserts: dict[str, Cursor] = {}

    def insert(part: str, statement: LiteralString, texts: Sequence[str]) -> bool:
        if texts:
            inserts[part] = connection.execute(statement, [_array(texts)])
        return bool(texts)

    connection.execute(_BY_KEY)
    has_fills = insert("fills", facts.FILLS, batch.fills)
    has_events = insert("order_events", facts.EVENTS, batch.order_events)
    if has_fills or has_events:
        for statement in (orders.INSERT_NEW, orders.LOCK, rates.FORGET, orders.UPDATE):
            connection.execute(statement)
    if has_fills:
        connection.execute(facts.FILL_CONFLICTS)
    insert("signals", facts.SIGNALS, batch.signals)
    if insert("snapshots", facts.SNAPSHOTS, batch.snapshots):
        connection.execute(facts.LOCK_SNAPSHOTS)
        connection.execute(facts.DESCRIBE)
    if insert("runs", facts.RUNS, batch.runs):
        for statement in facts.CHANGE_ACTIVATIONS:
            connection.execute(statement)
    insert("bots", facts.BOTS, batch.bots)
    insert("switches", facts.SWITCHES, batch.switches)
    if batch.quarantined:
        connection.execute(facts.QUARANTINE, [json.dumps([_aside(event) for event in batch.quarantined])])
    return inserts


def _touched(answers: Mapping[str, tuple[Any, ...]]) -> Touched:
    order_ids: set[OrderId] = set()
    for part in ("fills", "order_events"):
        if part in answers:
            order_ids.update(answers[part][1] or ())
    keys: frozenset[SignalKey] = frozenset()
    if "signals" in answers:
        _, bot_ids, client_order_ids = answers["signals"]
        keys = frozenset(
            SignalKey(BotId(bot), ClientOrderId(key))
            for bot, key in zip(bot_ids or (), client_order_ids or (), strict=True)
        )
    bots = answers["bots"][1] or () if "bots" in answers else ()
    return Touched(frozenset(order_ids), keys, frozenset(bots))


def _resolve(connection: Connection, touched: Touched) -> Resolved:
    order_ids = set(touched.order_ids)
    if touched.bots:
        # Looked for in this step: what another recorder was about to commit in the first one is there by now.
        order_ids.update(row[0] for row in connection.execute(links.ORDERS_OF_BOTS, [sorted(touched.bots)]))
    parameters = {
        "orders": sorted(order_ids),
        "keys": sorted({key.client_order_id for key in touched.keys}),
    }
    with _one_round_trip(connection):
        connection.execute(_BY_KEY)
        connection.execute(links.LOCK_FAMILY, parameters)
        connection.execute(rates.FORGET)
        resolved = connection.execute(links.RESOLVE)
        connection.execute(orders.UPDATE)
    made: list[LinkMade] = []
    removed: list[OrderId] = []
    missing: list[MissingSignal] = []
    conflicts: list[OrderId] = []
    for what, order_id, key, snapshot_id, method, relinked, changed, lookups in resolved.fetchall():
        if what == "made":
            made.append(LinkMade(order_id, key, snapshot_id, method, relinked, changed))
        elif what == "removed":
            removed.append(order_id)
        elif what == "conflict":
            conflicts.append(order_id)
        elif what == "missing":
            missing.append(MissingSignal(order_id, key, tuple(SignalKey(bot, key) for bot in lookups)))
    return Resolved(made, removed, missing, conflicts)


def _missing(connection: Connection, items: Sequence[HotItem]) -> set[int]:
    asked: dict[str, list[dict[str, Any]]] = {}
    absent: set[int] = set()
    for number, item in enumerate(items):
        try:
            body = json.loads(item.body)
            row = {name: body[name] for name in _IDENTITY_OF_KIND[item.kind]}
        except (KeyError, TypeError, ValueError):
            absent.add(number)
            continue
        asked.setdefault(item.kind, []).append({"n": number, **row})
    with connection.pipeline():
        cursors = [
            connection.execute(maintenance.MISSING[kind], [json.dumps(rows)]) for kind, rows in asked.items()
        ]
    return absent | {row[0] for cursor in cursors for row in cursor.fetchall()}


def _health(connection: Connection, window: Window) -> LedgerHealth:
    with connection.pipeline():
        measured = connection.execute(maintenance.HEALTH, {"start": window.start, "end": window.end})
        defects = connection.execute(maintenance.DEFECTS)
    rows = measured.fetchall()
    counts = {row[0]: int(row[1]) for row in rows}
    executed, linked = sum(counts.values()), counts.get("linked", 0)
    judged = linked + counts.get("lost", 0) + counts.get("conflict", 0)
    row = defects.fetchone()
    return LedgerHealth(
        counts=counts,
        linkage_rate=linked / judged if judged else None,
        executed_linkage_rate=linked / executed if executed else None,
        quarantined=0 if row is None else int(row[0]),
    )


def _array(texts: Iterable[str]) -> str:
    return "[" + ",".join(texts) + "]"


def _aside(event: QuarantinedEvent) -> dict[str, str | None]:
    # PostgreSQL's text has no NUL; what comes with one is kept with its escape.
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
