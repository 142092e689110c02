"""Batches of facts on their way to the ledger, and what became of them.

A fact is a row as JSON text whose names are the columns of its table; the wire models make them
(``linkage.contracts``), the ledger expands them. Nothing in between adds or changes a field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from linkage.domain.ids import BotId, ClientOrderId, OrderId


@dataclass(frozen=True, slots=True)
class QuarantinedEvent:
    """Something that cannot be understood, quarantined with its reason.

    Attributes:
        source: ``fills``, ``stream`` or ``import``.
        reason: one sentence; ``field`` is the dotted path it is about, or empty.
        body: the raw text as it came.
        message_id: of the queue or the stream, if there is one.
    """

    source: str
    reason: str
    body: str
    field: str = ""
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class QuarantinedEventRow:
    """An unresolved row of the quarantine."""

    quarantine_id: int
    source: str
    body: str
    message_id: str | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RecordedOrder:
    """Where an order stands when all are gone through by first recording, and by id at one moment."""

    first_recorded_at: datetime
    order_id: OrderId


@dataclass(frozen=True, slots=True)
class FactBatch:
    """Facts of one batch, each as JSON text. Order and repetition have no meaning."""

    fills: Sequence[str] = ()
    order_events: Sequence[str] = ()
    signals: Sequence[str] = ()
    snapshots: Sequence[str] = ()
    runs: Sequence[str] = ()
    bots: Sequence[str] = ()
    switches: Sequence[str] = ()
    quarantined: Sequence[QuarantinedEvent] = ()

    def __len__(self) -> int:
        return sum(
            len(part)
            for part in (
                self.fills, self.order_events, self.signals, self.snapshots,
                self.runs, self.bots, self.switches, self.quarantined,
            )
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class SignalKey:
    """Where a signal lives: keys are unique per bot only."""

    bot_id: BotId
    client_order_id: ClientOrderId


@dataclass(frozen=True, slots=True)
class Touched:
    """What a batch touched: the second step resolves these orders, and every order with such a key.

    ``bots`` came to an account: keys on it that were nobody's may be theirs.
    """

    order_ids: frozenset[OrderId] = frozenset()
    keys: frozenset[SignalKey] = frozenset()
    bots: frozenset[BotId] = frozenset()

    def __or__(self, other: Touched) -> Touched:
        return Touched(self.order_ids | other.order_ids, self.keys | other.keys, self.bots | other.bots)

    def __bool__(self) -> bool:
        return bool(self.order_ids or self.keys or self.bots)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The outcome of the first step.

    Attributes:
        touched: what the second step has to resolve.
        new_facts: rows that were not there before.
        repeated_facts: rows that were.
        quarantined: events the database refused (SQLSTATE 22, 23), with its reason.
    """

    touched: Touched
    new_facts: int
    repeated_facts: int
    quarantined: Sequence[QuarantinedEvent] = ()


@dataclass(frozen=True, slots=True)
class LinkMade:
    """An order got a link, or another one. ``relinked`` when the old row went to the history."""

    order_id: OrderId
    client_order_id: ClientOrderId | None
    snapshot_id: UUID
    method: str
    relinked: bool = False
    snapshot_changed: bool = False


@dataclass(frozen=True, slots=True)
class MissingSignal:
    """An order's key has no signal in the ledger; it may still be in the hot store.

    Attributes:
        lookups: the keys under which its signal may live, most likely first.
    """

    order_id: OrderId
    client_order_id: ClientOrderId
    lookups: tuple[SignalKey, ...]


@dataclass(frozen=True, slots=True)
class Resolved:
    """The outcome of the second step."""

    made: Sequence[LinkMade] = ()
    removed: Sequence[OrderId] = ()
    missing: Sequence[MissingSignal] = ()
    conflicts: Sequence[OrderId] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open interval of time, [start, end), aware UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class LedgerHealth:
    """What the scheduled maintenance measured, for the metrics that alarms read.

    Attributes:
        counts: executed orders by disposition, within the window.
    """

    counts: dict[str, int] = field(default_factory=dict)
    linkage_rate: float | None = None
    executed_linkage_rate: float | None = None
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class LotsMatched:
    """What one matching of lots did.

    Attributes:
        orders: that had changed. books: that were matched.
        further: there is more to do.
        failed: books that could not be matched; they are as they were.
    """

    orders: int = 0
    books: int = 0
    further: bool = False
    failed: Sequence[str] = ()
