"""No fill lost, doubled or mislinked, whatever the queue does and wherever the recorder dies.

What is right is written down when an order is invented, before anything is delivered.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.proofs.counting import tally
from tests.scenarios.conftest import NewWorld
from tests.scenarios.world import World
from tests.support.crashes import POINTS, Crashes
from tests.support.events import SNAPSHOT_A, SNAPSHOT_B, fill, native_id, order, our_key
from tests.support.queue import CrashError, EventSourceMapping, SqsQueue, new_queue, shortest
from tests.support.seeds import seed

DELIVERIES = int(os.environ.get("LINKAGE_PROOF_DELIVERIES", "1500"))
"""How many deliveries there are at least, repeated ones included. The full size is 50,000."""
DELIVERIES_OF_AN_ORDER = 6
BATCH = 30 if DELIVERIES < 10_000 else 100


@dataclass
class Truth:
    """What has to come out: per order its snapshot, its quantity and how it was linked."""

    snapshots: dict[str, UUID] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)
    quantities: dict[str, Decimal] = field(default_factory=dict)
    fills: int = 0


@dataclass
class Market:
    """Invents orders and puts what venues say of them on the queue."""

    seed: int
    queue: SqsQueue
    truth: Truth = field(default_factory=Truth)
    signals: list[tuple[str, UUID, str]] = field(default_factory=list)
    #: The order, by its number, that each message and each key is about.
    number_of: dict[str, int] = field(default_factory=dict)
    _number: int = 0
    _random: random.Random = field(default_factory=random.Random)

    def invent(self, number: int) -> None:
        """Invent one order: ours, ours with a bracket child, ours replaced, or somebody's.

        Which it is depends on its number alone: it stays what it is when others are left out.
        """
        self._random.seed(f"{self.seed} {number}")
        self._number = number
        kind = self._random.choice(["plain", "plain", "bracket", "replaced", "manual"])
        snapshot = self._random.choice([SNAPSHOT_A, SNAPSHOT_B])
        first, second = native_id(10 * number), native_id(10 * number + 1)
        if kind == "manual":
            self._executed(first, client_order_id=f"2f200136-48c6-438c-855b-{number:012x}")
            return
        key = our_key(number)
        self.signals.append((key, snapshot, "buy"))
        self.number_of[key] = number
        if kind == "replaced":
            self._send(order(first, "cancelled", client_order_id=key))
            self._executed(second, replaces_order_id=first)
            self._linked(second, snapshot, "replaced")
        else:
            self._executed(first, client_order_id=key)
            if kind == "bracket":
                self._executed(second, side="sell", parent_order_id=first, trigger="stop_loss")
                self._linked(second, snapshot, "parent")
        self._linked(first, snapshot, "key")

    def _linked(self, order_id: str, snapshot: UUID, method: str) -> None:
        self.truth.snapshots[order_id] = snapshot
        self.truth.methods[order_id] = method

    def _executed(self, order_id: str, **fields: Any) -> None:
        quantities = [Decimal(self._random.randint(1, 999)) / 100 for _ in range(self._random.randint(1, 3))]
        common = {name: value for name, value in fields.items() if name != "trigger"}
        fills = [
            fill(order_id, f"t{number}", quantity=str(quantity), **common)
            for number, quantity in enumerate(quantities)
        ]
        self._send(order(order_id, "filled", **fields))
        if self._random.random() < 0.3:
            self._send(fills)
        else:
            for one in fills:
                self._send(one)
        self.truth.quantities[order_id] = sum(quantities, Decimal(0))
        self.truth.fills += len(fills)

    def _send(self, body: object) -> None:
        text = json.dumps(body)
        self.queue.send(text)
        self.number_of[text] = self._number


@dataclass(frozen=True)
class Step:
    """One thing that happened: a signal was posted, messages were delivered, the stream was carried.

    ``died`` is where the recorder did; then nothing was acknowledged.
    """

    posted: tuple[str, UUID, str] | None = None
    delivered: tuple[str, ...] = ()
    died: str = ""

    def __str__(self) -> str:
        if self.posted:
            return f"post the signal {self.posted[0]} of snapshot {self.posted[1]}"
        said = "\n".join(["deliver", *self.delivered]) if self.delivered else "carry the stream"
        return said + (f"\nbut die {self.died}" if self.died else "")


def test_reordered_doubled_and_interrupted_deliveries_end_in_what_was_written_down(
    new_world: NewWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, begin = new_world(short_cut=True), seed(11)
    numbers = range(1, DELIVERIES // DELIVERIES_OF_AN_ORDER + 1)
    market = invented(begin, numbers)
    sent, signals = len(market.queue), list(market.signals)
    crashes = Crashes(lambda _point: chooser.random() < 0.08)
    chooser = random.Random(begin)
    history: list[Step] = []
    bodies: tuple[str, ...] = ()

    def record(event: dict[str, Any]) -> Any:
        nonlocal bodies
        bodies = tuple(one["body"] for one in event["Records"])
        return world.record(event)

    mapping = EventSourceMapping(market.queue, record, seed=begin, batch_size=BATCH, duplicate_rate=0.3)
    chooser.shuffle(signals)
    streamed: list[dict[str, Any]] = []
    with monkeypatch.context() as patched:
        crashes.install(patched)
        while market.queue.messages or signals:
            died = len(crashes.happened)
            if mapping.step() == 0:
                market.queue.advance(market.queue.visibility_timeout)
            else:
                history.append(Step(delivered=bodies, died="".join(crashes.happened[died:])))
            for one in signals[: BATCH // 2]:
                history.append(Step(posted=one))
                _post(world, one)
            del signals[: BATCH // 2]
            streamed.append(world.table.stream_event())
            if chooser.random() < 0.3:
                died = len(crashes.happened)
                streamed = [event for event in streamed if not _carried(world, event)]
                history.append(Step(died=", ".join(crashes.happened[died:])))
    for event in streamed:
        assert _carried(world, event)
    history.append(Step())

    broken = offences(world, market)
    if broken:
        told_short = "\n".join(map(str, cut_down(world, begin, numbers, history, monkeypatch)))
        pytest.fail(f"seed {begin}: {broken}\nthe shortest history:\n{told_short}")
    assert mapping.deliveries >= DELIVERIES
    assert mapping.duplicates > 0.25 * sent
    assert set(crashes.happened) == set(POINTS), Counter(crashes.happened)
    tally(
        "deliveries",
        deliveries=mapping.deliveries,
        duplicates=mapping.duplicates,
        crashes=len(crashes.happened),
        crash_points=len(set(crashes.happened)),
        fills=market.truth.fills,
        links=len(market.truth.snapshots),
    )


def invented(begin: int, numbers: Sequence[int]) -> Market:
    """Return a market with these orders."""
    market = Market(begin, new_queue())
    for number in numbers:
        market.invent(number)
    return market


def cut_down(
    world: World,
    begin: int,
    numbers: Sequence[int],
    history: Sequence[Step],
    monkeypatch: pytest.MonkeyPatch,
) -> Sequence[Step]:
    """Leave out orders, then steps, as long as something is wrong; return what is left of a history."""
    market = invented(begin, numbers)
    number_of = market.number_of

    def about(some: Sequence[int]) -> list[Step]:
        kept, chosen = [], set(some)
        for step in history:
            bodies = tuple(body for body in step.delivered if number_of[body] in chosen)
            if bodies or (number_of[step.posted[0]] in chosen if step.posted else not step.delivered):
                kept.append(replace(step, delivered=bodies))
        return kept

    def fails(steps: Sequence[Step], some: Sequence[int]) -> bool:
        told_of = invented(begin, some)
        done = {body for step in steps if not step.died for body in step.delivered}
        posted = {step.posted[0] for step in steps if step.posted}
        # What was never taken is not wrong when it is not there.
        if not steps or steps[-1] != Step() or set(told_of.number_of) - done - posted:
            return False
        replay(world, steps, monkeypatch)
        return bool(offences(world, told_of))

    few = shortest(numbers, lambda some: fails(about(some), some))
    return shortest(about(few), lambda steps: fails(steps, few))


def replay(world: World, steps: Sequence[Step], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the same things happen to an empty ledger."""
    world.begin_anew()
    world.table.stream_event()
    streamed: list[dict[str, Any]] = []
    for step in steps:
        left = step.died.split(", ") if step.died else []
        crashes = Crashes(lambda point, left=left: point in left[:1] and bool(left.pop(0)))  # type: ignore[misc]
        with monkeypatch.context() as patched:
            crashes.install(patched)
            if step.posted:
                _post(world, step.posted)
                streamed.append(world.table.stream_event())
            elif step.delivered:
                with suppress(CrashError):
                    world.fills(*step.delivered)
            else:
                streamed = [event for event in streamed if not _carried(world, event)]


def _post(world: World, signal: tuple[str, UUID, str]) -> None:
    key, snapshot, side = signal
    assert world.signal(key, snapshot_id=snapshot, side=side) == 200


def offences(world: World, market: Market) -> list[str]:
    """Return what is not as it was written down."""
    truth = market.truth
    quantities = dict(world.rows("SELECT order_id, filled_quantity FROM trade_records"))
    compared: dict[str, tuple[object, object]] = {
        "links": (world.links(), {order_id: str(one) for order_id, one in truth.snapshots.items()}),
        "methods": (dict(world.rows("SELECT order_id, method FROM trade_strategy_link")), truth.methods),
        "quantities": ({one: found for one, found in quantities.items() if found}, truth.quantities),
        "fills": (world.count("fills"), truth.fills),
        "quarantine": (world.count("quarantine"), 0),
        "dead letters": (len(market.queue.dead_letters or ()), 0),
    }
    return [name for name, (found, right) in compared.items() if found != right]


def _carried(world: World, event: dict[str, Any]) -> bool:
    """Deliver a part of the stream; False when the recorder died, and it has to come again."""
    try:
        return world.archive(event) == []
    except CrashError:
        return False
