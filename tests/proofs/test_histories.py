"""Random histories against an oracle of a few lines: after every step, and once all is delivered.

The machine places orders, posts and withholds signals, delivers any message at any time any number of times,
kills the recorder, loses parts of the table's stream, lets items expire with or without deleting them, and
lets messages die and brings them back on their thirteenth day. The handlers, the adapters and PostgreSQL are
the real ones; DynamoDB is moto's, called without HTTP in between, which makes a step cheap.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.proofs.counting import tally
from tests.scenarios.conftest import NewWorld
from tests.scenarios.world import World
from tests.support.crashes import POINTS, Crashes
from tests.support.events import SNAPSHOT_A, SNAPSHOT_B, fill, native_id, order, our_key
from tests.support.queue import CrashError
from tests.support.seeds import seed

EXAMPLES = int(os.environ.get("LINKAGE_PROOF_HISTORIES", "300"))
STEPS = 30
_numbers = count(1)
SIDES = {"buy": "sell", "sell": "buy"}


@dataclass
class Placed:
    """What the oracle knows of an order: whose decision it was, and what was executed of it."""

    order_id: str
    side: str
    key: str | None = None
    parent: Placed | None = None
    replaces: Placed | None = None
    against_its_key: bool = False
    fills: dict[str, Decimal] = field(default_factory=dict)

    def decided_by(self, told: set[str]) -> str | None:
        """Return the key whose signal this order follows, of those told: own, replaced, parent."""
        if self.key is not None and self.key in told:
            return None if self.against_its_key else self.key
        for elder in (self.replaces, self.parent):
            if elder is not None:
                return elder.decided_by(told)
        return None


class Histories(RuleBasedStateMachine):
    """One history. It begins in an empty ledger; its orders and keys are new all the same."""

    world: ClassVar[World]
    environment: ClassVar[pytest.MonkeyPatch]
    counts: ClassVar[dict[str, int]]

    def __init__(self) -> None:
        super().__init__()
        self.world.begin_anew()
        self.placed: list[Placed] = []
        self.decisions: dict[str, tuple[UUID, str]] = {}
        self.posted: set[str] = set()
        self.messages: list[str] = []
        self.delivered: set[int] = set()
        self.dead: set[int] = set()
        self.stream: list[dict[str, Any]] = []
        self.changed = False
        self.counts["histories"] += 1

    @rule(snapshot=st.sampled_from([SNAPSHOT_A, SNAPSHOT_B]), side=st.sampled_from([*SIDES]))
    def decide_and_place(self, snapshot: UUID, side: str) -> None:
        key = self._decide(snapshot, side)
        self._place(Placed(native_id(next(_numbers)), side, key=key))

    @rule(side=st.sampled_from([*SIDES]))
    def place_by_hand(self, side: str) -> None:
        self._place(Placed(native_id(next(_numbers)), side))

    @rule(side=st.sampled_from([*SIDES]))
    def place_against_the_decision(self, side: str) -> None:
        key = self._decide(SNAPSHOT_A, side)
        self._place(Placed(native_id(next(_numbers)), SIDES[side], key=key, against_its_key=True))

    @precondition(lambda self: self.placed)
    @rule(data=st.data())
    def trigger_a_stop(self, data: st.DataObject) -> None:
        parent = data.draw(st.sampled_from(self.placed))
        self._place(Placed(native_id(next(_numbers)), SIDES[parent.side], parent=parent))

    @precondition(lambda self: self.placed)
    @rule(data=st.data())
    def replace_an_order(self, data: st.DataObject) -> None:
        elder = data.draw(st.sampled_from(self.placed))
        self._place(Placed(native_id(next(_numbers)), elder.side, replaces=elder))

    @precondition(lambda self: self.placed)
    @rule(data=st.data(), hundredths=st.integers(1, 500))
    def execute(self, data: st.DataObject, hundredths: int) -> None:
        one = data.draw(st.sampled_from(self.placed))
        fill_id, quantity = f"t{len(one.fills)}", Decimal(hundredths) / 100
        one.fills[fill_id] = quantity
        self.messages.append(json.dumps(fill(one.order_id, fill_id, quantity=str(quantity), **_ids(one))))

    @precondition(lambda self: self._withheld())
    @rule(data=st.data())
    def post_a_signal(self, data: st.DataObject) -> None:
        self._post(data.draw(st.sampled_from(self._withheld())))

    @precondition(lambda self: self.posted)
    @rule(data=st.data())
    def post_a_signal_again(self, data: st.DataObject) -> None:
        self._post(data.draw(st.sampled_from([key for key in self.decisions if key in self.posted])))

    @precondition(lambda self: len(self.dead) < len(self.messages))
    @rule(data=st.data(), point=st.sampled_from(["", *POINTS]))
    def deliver(self, data: st.DataObject, point: str) -> None:
        living = [number for number in range(len(self.messages)) if number not in self.dead]
        numbers = data.draw(st.lists(st.sampled_from(living), min_size=1, max_size=5))
        self._deliver(numbers, point if data.draw(st.booleans()) else "")

    @precondition(lambda self: self.stream)
    @rule(data=st.data())
    def carry_a_part_of_the_stream(self, data: st.DataObject) -> None:
        self._carry(data.draw(st.integers(0, len(self.stream) - 1)))

    @precondition(lambda self: self.stream)
    @rule(data=st.data())
    def lose_a_part_of_the_stream(self, data: st.DataObject) -> None:
        self.stream.pop(data.draw(st.integers(0, len(self.stream) - 1)))

    @precondition(lambda self: self.posted)
    @rule()
    def sweep(self) -> None:
        self._sweep()

    @precondition(lambda self: self.messages)
    @rule()
    def let_messages_die(self) -> None:
        self.dead = set(range(len(self.messages))) - self.delivered

    @precondition(lambda self: self.dead)
    @rule(data=st.data())
    def bring_the_dead_back_on_the_thirteenth_day(self, data: st.DataObject) -> None:
        self._let_pass(timedelta(days=13))
        dead, self.dead = data.draw(st.permutations(sorted(self.dead))), set()
        self.counts["redrives"] += 1
        self._deliver(dead[:10], "")

    @precondition(lambda self: self.posted)
    @rule(deleted=st.booleans())
    def let_items_expire(self, deleted: bool) -> None:
        self._let_pass(timedelta(days=46))
        self.counts["expiries"] += 1
        if deleted:
            self.world.table.delete_expired(self.world.clock.now().timestamp())
            self.world.table.stream_event()

    @invariant()
    def no_link_is_wrong(self) -> None:
        self.counts["steps"] += 1
        if not self.changed:
            return
        self.changed = False
        links = self.world.links()
        for one in self.placed:
            if one.order_id in links:
                key = one.decided_by(self.posted)
                assert key is not None, one
                assert links[one.order_id] == str(self.decisions[key][0]), one

    def teardown(self) -> None:
        """Deliver and post all that is left; then everything is as the oracle says."""
        for key in self._withheld():
            self._post(key)
        self.dead = set()
        self._deliver([number for number in range(len(self.messages)) if number not in self.delivered], "")
        self._sweep()
        links = self.world.links()
        quantities = dict(self.world.rows("SELECT order_id, filled_quantity FROM trade_records"))
        expected = {}
        for one in self.placed:
            decided = one.decided_by(self.posted)
            if decided is not None:
                expected[one.order_id] = str(self.decisions[decided][0])
        assert links == expected
        assert quantities == {one.order_id: sum(one.fills.values(), Decimal(0)) for one in self.placed}
        self.counts["orders"] += len(self.placed)
        self.counts["links"] += len(links)

    def _decide(self, snapshot: UUID, side: str) -> str:
        key = our_key(next(_numbers))
        self.decisions[key] = (snapshot, side)
        return key

    def _withheld(self) -> list[str]:
        # In the order of the decisions: keys are new in each history, so their own order says nothing.
        return [key for key in self.decisions if key not in self.posted]

    def _place(self, one: Placed) -> None:
        self.placed.append(one)
        self.messages.append(json.dumps(order(one.order_id, "open", **_ids(one))))

    def _post(self, key: str) -> None:
        snapshot, side = self.decisions[key]
        assert self.world.signal(key, snapshot_id=snapshot, side=side) == 200
        self.posted.add(key)
        event = self.world.table.stream_event()
        if event["Records"]:
            self.stream.append(event)

    def _carry(self, number: int) -> None:
        assert self.world.archive(self.stream.pop(number)) == []
        self.changed = True

    def _sweep(self) -> None:
        self.world.sweep()
        self.changed = True

    def _let_pass(self, time: timedelta) -> None:
        # The sweep runs every few minutes: what the stream lost is archived long before a day has passed.
        self._sweep()
        self.world.clock.advance(time)

    def _deliver(self, numbers: list[int], point: str) -> None:
        if not numbers:
            return
        self.counts["deliveries"] += len(numbers)
        self.changed = True
        crashes = Crashes(lambda passed: passed == point)
        with self.environment.context() as patched:
            crashes.install(patched)
            try:
                failed = self.world.fills(*[self.messages[number] for number in numbers])
            except CrashError:
                self.counts["crashes"] += 1
                return
        assert failed == []
        self.delivered.update(numbers)


def _ids(one: Placed) -> dict[str, Any]:
    return {
        "side": one.side,
        "client_order_id": one.key,
        "parent_order_id": one.parent.order_id if one.parent else None,
        "replaces_order_id": one.replaces.order_id if one.replaces else None,
    }


def test_random_histories_end_as_the_oracle_says(
    new_world: NewWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    Histories.world, Histories.environment = new_world(short_cut=True), monkeypatch
    names = ("histories", "steps", "orders", "links", "deliveries", "crashes", "redrives", "expiries")
    Histories.counts = dict.fromkeys(names, 0)
    run_state_machine_as_test(
        seeded(seed())(Histories),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Histories.counts["histories"] >= EXAMPLES
    assert min(Histories.counts.values()) > 0
    tally("random histories", **Histories.counts)
