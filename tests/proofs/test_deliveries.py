"""No fill lost, doubled or mislinked, whatever the queue does and wherever the recorder dies.

What is right is written down when an order is invented, before anything is delivered.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.proofs.counting import told
from tests.scenarios.conftest import NewWorld
from tests.scenarios.world import World
from tests.support.crashes import POINTS, Crashes
from tests.support.events import SNAPSHOT_A, SNAPSHOT_B, fill, native_id, order, our_key
from tests.support.queue import CrashError, EventSourceMapping, SqsQueue, new_queue
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
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def invent(self, number: int) -> None:
        """Invent one order: ours, ours with a bracket child, ours replaced, or somebody's."""
        kind = self._random.choice(["plain", "plain", "bracket", "replaced", "manual"])
        snapshot = self._random.choice([SNAPSHOT_A, SNAPSHOT_B])
        first, second = native_id(10 * number), native_id(10 * number + 1)
        if kind == "manual":
            self._executed(first, client_order_id=f"2f200136-48c6-438c-855b-{number:012x}")
            return
        key = our_key(number)
        self.signals.append((key, snapshot, "buy"))
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
        self.queue.send(json.dumps(body))


def test_reordered_doubled_and_interrupted_deliveries_end_in_what_was_written_down(
    new_world: NewWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, begin = new_world(short_cut=True), seed(11)
    chooser = random.Random(begin)
    market = Market(begin, new_queue())
    for number in range(1, DELIVERIES // DELIVERIES_OF_AN_ORDER + 1):
        market.invent(number)
    chooser.shuffle(market.signals)
    crashes = Crashes(lambda _point: chooser.random() < 0.08)
    mapping = EventSourceMapping(market.queue, world.record, seed=begin, batch_size=BATCH, duplicate_rate=0.3)
    sent = len(market.queue)
    streamed: list[dict[str, Any]] = []
    with monkeypatch.context() as patched:
        crashes.install(patched)
        while market.queue.messages:
            if mapping.step() == 0:
                market.queue.advance(market.queue.visibility_timeout)
            for key, snapshot, side in market.signals[: BATCH // 2]:
                assert world.signal(key, snapshot_id=snapshot, side=side) == 200
            del market.signals[: BATCH // 2]
            streamed.append(world.table.stream_event())
            if chooser.random() < 0.3:
                streamed = [event for event in streamed if not _carried(world, event)]
    for event in streamed:
        assert _carried(world, event)
    assert not market.signals

    message = f"seed {begin}, last batches {mapping.history[-20:]}"
    assert mapping.deliveries >= DELIVERIES, message
    assert mapping.duplicates > 0.25 * sent, message
    assert set(crashes.happened) == set(POINTS), Counter(crashes.happened)
    assert len(market.queue.dead_letters or ()) == 0, message
    assert world.links() == {order_id: str(one) for order_id, one in market.truth.snapshots.items()}, message
    methods = dict(world.rows("SELECT order_id, method FROM trade_strategy_link"))
    assert methods == market.truth.methods, message
    quantities = dict(world.rows("SELECT order_id, filled_quantity FROM trade_records"))
    executed = {order_id: quantity for order_id, quantity in quantities.items() if quantity}
    assert executed == market.truth.quantities, message
    assert world.count("fills") == market.truth.fills, message
    assert world.count("quarantine") == 0, message
    told(
        "deliveries",
        deliveries=mapping.deliveries,
        duplicates=mapping.duplicates,
        crashes=len(crashes.happened),
        crash_points=len(set(crashes.happened)),
        fills=market.truth.fills,
        links=len(market.truth.snapshots),
    )


def _carried(world: World, event: dict[str, Any]) -> bool:
    """Deliver a part of the stream; False when the recorder died, and it has to come again."""
    try:
        return world.archive(event) == []
    except CrashError:
        return False
