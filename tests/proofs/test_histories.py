"""Random histories against an oracle of a few lines: after every step, and once all is delivered.

The machine places orders, posts and withholds signals, delivers any message at any time any number of
times, kills the recorder, lets items expire and throws everything into the dead-letter queue and back.
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
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.scenarios.world import World
from tests.support.crashes import POINTS, Crashes
from tests.support.events import SNAPSHOT_A, SNAPSHOT_B, fill, native_id, order, our_key
from tests.support.queue import CrashError

EXAMPLES = int(os.environ.get("LINKAGE_PROOF_HISTORIES", "12"))
STEPS = 30
_numbers = count(1)


@dataclass
class Placed:
    """What the oracle knows of an order: whose decision it was, and what was executed of it."""

    order_id: str
    side: str
    key: str | None = None
    parent: Placed | None = None
    replaces: Placed | None = None
    announced: bool = False
    fills: dict[str, Decimal] = field(default_factory=dict)

    def decided_by(self, told: set[str]) -> str | None:
        """Return the key whose signal this order follows, of those told: own, replaced, parent."""
        if self.key is not None and self.key in told:
            return self.key
        for elder in (self.replaces, self.parent):
            if elder is not None:
                return elder.decided_by(told)
        return None


class Histories(RuleBasedStateMachine):
    """One history in a world that many share: every order and key is new."""

    world: ClassVar[World]
    environment: ClassVar[pytest.MonkeyPatch]

    def __init__(self) -> None:
        super().__init__()
        self.placed: list[Placed] = []
        self.decisions: dict[str, tuple[UUID, str]] = {}
        self.posted: set[str] = set()
        self.messages: list[str] = []
        self.delivered: set[int] = set()
        self.stream: list[dict[str, Any]] = []

    @rule(snapshot=st.sampled_from([SNAPSHOT_A, SNAPSHOT_B]), side=st.sampled_from(["buy", "sell"]))
    def decide_and_place(self, snapshot: UUID, side: str) -> None:
        key = our_key(next(_numbers))
        self.decisions[key] = (snapshot, side)
        self._place(Placed(native_id(next(_numbers)), side, key=key))

    @rule(side=st.sampled_from(["buy", "sell"]))
    def place_by_hand(self, side: str) -> None:
        self._place(Placed(native_id(next(_numbers)), side))

    @precondition(lambda self: self.placed)
    @rule(data=st.data())
    def trigger_a_stop(self, data: st.DataObject) -> None:
        parent = data.draw(st.sampled_from(self.placed))
        side = "sell" if parent.side == "buy" else "buy"
        self._place(Placed(native_id(next(_numbers)), side, parent=parent))

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

    @precondition(lambda self: set(self.decisions) - self.posted)
    @rule(data=st.data())
    def post_a_signal(self, data: st.DataObject) -> None:
        self._post(data.draw(st.sampled_from(sorted(set(self.decisions) - self.posted))))

    @precondition(lambda self: self.messages)
    @rule(data=st.data(), point=st.sampled_from([*POINTS, "", "", ""]))
    def deliver(self, data: st.DataObject, point: str) -> None:
        numbers = st.integers(0, len(self.messages) - 1)
        self._deliver(data.draw(st.lists(numbers, min_size=1, max_size=5)), point)

    @precondition(lambda self: self.stream)
    @rule(data=st.data())
    def carry_a_part_of_the_stream(self, data: st.DataObject) -> None:
        self._carry(data.draw(st.integers(0, len(self.stream) - 1)))

    @precondition(lambda self: self.stream)
    @rule(data=st.data())
    def lose_a_part_of_the_stream(self, data: st.DataObject) -> None:
        self.stream.pop(data.draw(st.integers(0, len(self.stream) - 1)))

    @rule()
    def sweep(self) -> None:
        self.world.sweep()

    @invariant()
    def no_link_is_wrong(self) -> None:
        links = self.world.links()
        for one in self.placed:
            if one.order_id in links:
                key = one.decided_by(self.posted)
                assert key is not None, one
                assert links[one.order_id] == str(self.decisions[key][0]), one

    def teardown(self) -> None:
        """Deliver and post all that is left; then everything is as the oracle says."""
        for key in sorted(set(self.decisions) - self.posted):
            self._post(key)
        self._deliver([number for number in range(len(self.messages)) if number not in self.delivered], "")
        self.world.sweep()
        links = self.world.links()
        for one in self.placed:
            decided = one.decided_by(self.posted)
            expected = None if decided is None else str(self.decisions[decided][0])
            assert links.get(one.order_id) == expected, one
            assert self.world.order(one.order_id)["filled_quantity"] == float(sum(one.fills.values())), one
        self.world.clock.advance(timedelta(hours=3))

    def _place(self, one: Placed) -> None:
        self.placed.append(one)
        self.messages.append(json.dumps(order(one.order_id, "open", **_ids(one))))

    def _post(self, key: str) -> None:
        snapshot, side = self.decisions[key]
        assert self.world.signal(key, snapshot_id=snapshot, side=side) == 200
        self.posted.add(key)
        self.stream.append(self.world.table.stream_event())

    def _carry(self, number: int) -> None:
        assert self.world.archive(self.stream.pop(number)) == []

    def _deliver(self, numbers: list[int], point: str) -> None:
        if not numbers:
            return
        crashes = Crashes(lambda passed: passed == point)
        with self.environment.context() as patched:
            crashes.install(patched)
            try:
                failed = self.world.fills(*[self.messages[number] for number in numbers])
            except CrashError:
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


def test_random_histories_end_as_the_oracle_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    Histories.world, Histories.environment = world, monkeypatch
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
