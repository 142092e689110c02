"""In-memory stand-ins for the ports. They answer ``len()`` and ``in``, and fail when they are set to."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, cast

from linkage.contracts import items
from linkage.domain.canonical import iso_utc
from linkage.domain.errors import DeliveryError, LinkageError, StoreUnavailableError
from linkage.domain.facts import (
    FactBatch,
    LedgerHealth,
    LotsMatched,
    QuarantinedEventRow,
    Recorded,
    RecordedOrder,
    Resolved,
    SignalKey,
    Touched,
    Window,
)
from linkage.domain.ids import OrderId
from linkage.ports.clock import Clock
from linkage.ports.store import ForwardStatus, HotItem, PutOutcome


@dataclass
class _StoredItem:
    kind: str
    body: str
    received_at: datetime
    expires_at: datetime | None
    meaning: str = ""
    forward_owner: str | None = None
    forward_until: datetime | None = None
    forwarded_at: datetime | None = None
    forward_refused: int | None = None


@dataclass
class FakeSignalStore:
    """A ``SignalStore`` in a dictionary. ``available = False`` makes every call fail, counted."""

    clock: Clock
    available: bool = True
    reads: int = 0
    refusals: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    _items: dict[tuple[str, str], _StoredItem] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(1 for item in self._items.values() if self._alive(item))

    def __contains__(self, key: object) -> bool:
        return isinstance(key, SignalKey) and self._living(*self._place(key)) is not None

    def put_signal(
        self, key: SignalKey, *, fact: str, meaning: str, disposition: str, received_at: datetime
    ) -> PutOutcome:
        """See ``ports.store.SignalStore``."""
        self._check()
        expires = received_at + timedelta(days=items.SIGNAL_TTL_DAYS)
        present = self._living(*self._place(key))
        if present is not None:
            return "repeated" if present.meaning == meaning else "conflict"
        self._items[self._place(key)] = _StoredItem("signal", fact, received_at, expires, meaning)
        return "stored"

    def get_signals(self, keys: Sequence[SignalKey]) -> Mapping[SignalKey, str]:
        """See ``ports.store.SignalStore``."""
        self._check()
        self.reads += 1
        found = {key: self._living(*self._place(key)) for key in keys}
        return {key: item.body for key, item in found.items() if item is not None}

    def lease_forward(self, key: SignalKey, *, owner: str, until: datetime) -> ForwardStatus:
        """See ``ports.store.SignalStore``."""
        with self.lock:
            status = self.forward_status(key)
            item = self._items.get(self._place(key))
            own = status.state == "running" and item is not None and item.forward_owner == owner
            if item is None or not (status.state == "open" or own):
                return status
            item.forward_owner, item.forward_until = owner, until
            return ForwardStatus("leased", until)

    def forward_status(self, key: SignalKey) -> ForwardStatus:
        """See ``ports.store.SignalStore``."""
        self._check()
        item = self._living(*self._place(key))
        if item is None:
            return ForwardStatus("gone")
        if item.forwarded_at is not None:
            return ForwardStatus("forwarded")
        if item.forward_refused is not None:
            return ForwardStatus("refused", status_code=item.forward_refused)
        if item.forward_until is not None and item.forward_until > self.clock.now():
            return ForwardStatus("running", item.forward_until)
        return ForwardStatus("open")

    def settle_forward(self, key: SignalKey, *, owner: str, at: datetime, refused: int | None = None) -> bool:
        """See ``ports.store.SignalStore``."""
        self._check()
        with self.lock:
            item = self._items.get(self._place(key))
            if item is None or item.forward_owner != owner:
                return False
            if refused is None:
                item.forwarded_at = at
            else:
                item.forward_refused = refused
            return True

    def release_forward(self, key: SignalKey, *, owner: str) -> None:
        """See ``ports.store.SignalStore``."""
        self._check()
        with self.lock:
            item = self._items.get(self._place(key))
            if item is not None and item.forward_owner == owner:
                item.forward_owner = item.forward_until = None

    def put_snapshot(self, snapshot_id: str, config_hash: str, *, fact: str, received_at: datetime) -> bool:
        """See ``ports.store.SignalStore``."""
        return self._put((f"snapshot {snapshot_id}", config_hash), "snapshot", fact, received_at, None)

    def put_run(self, run_id: str, *, fact: str, received_at: datetime) -> bool:
        """See ``ports.store.SignalStore``."""
        expires = received_at + timedelta(days=items.RUN_TTL_DAYS)
        return self._put((f"run {run_id}", ""), "run", fact, received_at, expires)

    def recent(self, hours: Sequence[str]) -> Iterable[HotItem]:
        """See ``ports.store.SignalStore``."""
        self._check()
        kind = Literal["signal", "snapshot", "run", "bot", "switch"]
        for hour in hours:
            for item in self._items.values():
                if self._alive(item) and iso_utc(item.received_at)[:13] == hour:
                    yield HotItem(cast(kind, item.kind), item.body, item.received_at)

    def _put(
        self, place: tuple[str, str], kind: str, fact: str, received_at: datetime, expires: datetime | None
    ) -> bool:
        self._check()
        if self._living(*place) is not None:
            return False
        self._items[place] = _StoredItem(kind, fact, received_at, expires)
        return True

    def _place(self, key: SignalKey) -> tuple[str, str]:
        return f"signal {key.bot_id}", key.client_order_id

    def _living(self, pk: str, sk: str) -> _StoredItem | None:
        item = self._items.get((pk, sk))
        return item if item is not None and self._alive(item) else None

    def _alive(self, item: _StoredItem) -> bool:
        return item.expires_at is None or item.expires_at > self.clock.now()

    def _check(self) -> None:
        if not self.available:
            self.refusals += 1
            raise StoreUnavailableError("the fake store was set to fail")


@dataclass
class FakeSwitchboard:
    """A ``Switchboard`` with one switch; ``enabled = None`` cannot be read."""

    enabled: bool | None = True

    def linking_enabled(self) -> bool:
        """See ``ports.switch.Switchboard``."""
        if self.enabled is None:
            raise StoreUnavailableError("the fake switch was set to fail")
        return self.enabled


@dataclass
class FakeQueue:
    """An ``EventQueue`` that keeps what was sent; ``available = False`` refuses."""

    sent: list[str] = field(default_factory=list)
    available: bool = True

    def __len__(self) -> int:
        return len(self.sent)

    def send(self, bodies: Sequence[str]) -> None:
        """See ``ports.queue.EventQueue``."""
        if not self.available:
            raise DeliveryError("the fake queue was set to fail")
        self.sent.extend(bodies)


@dataclass
class FakeLedger:
    """Every port of the ledger's write side: it keeps what it was given and answers what it was set to.

    It decides nothing: the rules of linking are tested on a real PostgreSQL. ``failures`` are raised, one
    per call of ``record`` or ``resolve``, in turn; None lets a call pass.
    """

    recorded: list[FactBatch] = field(default_factory=list)
    resolved: list[Touched] = field(default_factory=list)
    answers: list[Resolved] = field(default_factory=list)
    touched: Touched = field(default_factory=Touched)
    waiting: Touched = field(default_factory=Touched)
    archived: set[str] = field(default_factory=set)
    failures: list[LinkageError | None] = field(default_factory=list)
    health: LedgerHealth = field(default_factory=LedgerHealth)
    orders: list[RecordedOrder] = field(default_factory=list)
    quarantine: list[QuarantinedEventRow] = field(default_factory=list)
    lots: LotsMatched = field(default_factory=LotsMatched)
    lots_since: datetime | None = None
    trials: set[str] = field(default_factory=set)

    def __len__(self) -> int:
        return sum(len(batch) for batch in self.recorded)

    def record(self, facts: FactBatch) -> Recorded:
        """See ``ports.ledger.LedgerWriter``."""
        self._fail()
        self.recorded.append(facts)
        self.archived.update(facts.signals, facts.snapshots, facts.runs)
        return Recorded(touched=self.touched, new_facts=len(facts) - len(facts.quarantined), repeated_facts=0)

    def resolve(self, touched: Touched) -> Resolved:
        """See ``ports.links.LinkResolver``."""
        self._fail()
        self.resolved.append(touched)
        return self.answers.pop(0) if self.answers else Resolved()

    def unresolved(self, *, limit: int) -> Touched:
        """See ``ports.links.LinkResolver``."""
        return Touched(frozenset(sorted(self.waiting.order_ids)[:limit]), self.waiting.keys)

    def recorded_since(
        self, start: datetime, *, after: OrderId | None = None, limit: int
    ) -> Sequence[RecordedOrder]:
        """See ``ports.links.LinkResolver``."""
        position = (start, after or "")
        return [order for order in self.orders if (order.first_recorded_at, order.order_id) > position][
            :limit
        ]

    def quarantined(
        self, *, quarantine_id: int | None = None, after: int = 0, limit: int
    ) -> Sequence[QuarantinedEventRow]:
        """See ``ports.quarantine.Quarantine``."""
        wanted = [event for event in self.quarantine if quarantine_id in (None, event.quarantine_id)]
        return [event for event in wanted if event.quarantine_id > after][:limit]

    def settle(self, quarantine_id: int) -> None:
        """See ``ports.quarantine.Quarantine``."""
        self.quarantine = [event for event in self.quarantine if event.quarantine_id != quarantine_id]

    def dismiss(self, quarantine_id: int, reason: str) -> bool:
        """See ``ports.quarantine.Quarantine``."""
        waited = any(event.quarantine_id == quarantine_id for event in self.quarantine)
        self.settle(quarantine_id)
        return waited

    def save_trials(self, trials: Sequence[str]) -> int:
        """See ``ports.trials.TrialRegistry``."""
        before = len(self.trials)
        self.trials.update(trials)
        return len(self.trials) - before

    def missing_facts(self, items: Sequence[HotItem]) -> Sequence[HotItem]:
        """See ``ports.ledger.LedgerWriter``."""
        return [item for item in items if item.body not in self.archived]

    def match_lots(self, *, seconds: float) -> LotsMatched:
        """See ``ports.lots.LotMatcher``."""
        return self.lots

    def rewind_lots(self, since: datetime) -> None:
        """See ``ports.lots.LotMatcher``."""
        self.lots_since = since

    def maintain(self, window: Window) -> LedgerHealth:
        """See ``ports.maintenance.LedgerMaintenance``."""
        return self.health

    def _fail(self) -> None:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
