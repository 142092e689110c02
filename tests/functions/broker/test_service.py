"""The paper broker takes signals once, and sends every event at least once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from functions.broker.service import Ports, Venue, execute_orders, take_signals
from linkage.adapters.markets.simulated import SimulatedMarket
from linkage.contracts.events import EVENT, FillEvent
from linkage.contracts.messages import parse_message
from linkage.contracts.signals import Signal, StoredSignal
from linkage.domain.errors import DeliveryError, StateChangedError
from tests.functions.broker.fakes import FakePaperStore
from tests.support.clock import FrozenClock
from tests.support.fakes import FakeQueue

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
VENUE = Venue("paper", "paper", 3)
MARKET = SimulatedMarket(4)


def image(key: str = "k1", **changes: Any) -> dict[str, str]:
    bot = changes.pop("bot_id", "sighook")
    fields: dict[str, Any] = {
        "symbol": "BTC-USD", "side": "buy", "price": "60000", "notional": "20", "order_type": "market",
        "take_profit": "90000", "stop_loss": "10000", "signalled_at": NOON, "venue": "paper",
        "account": "paper", **changes,
    }  # fmt: skip
    signal = Signal(client_order_id=key, **fields)
    stored = StoredSignal(
        bot_id=bot, client_order_id=key, snapshot_id=UUID(int=1), signal=signal, received_at=NOON
    )
    return {
        "kind": "signal",
        "bot_id": bot,
        "disposition": signal.disposition,
        "body": stored.fact_text(),
    }


@dataclass
class World:
    """Everything around the broker."""

    store: FakePaperStore = field(default_factory=FakePaperStore)
    queue: FakeQueue = field(default_factory=FakeQueue)

    @property
    def ports(self) -> Ports:
        return Ports(self.store, MARKET, self.queue, FrozenClock(NOON))

    def execute(self, bars: int) -> None:
        execute_orders(NOON + timedelta(minutes=5 * bars), VENUE, self.ports)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for body in self.queue.sent for event in json.loads(body)]


@pytest.fixture
def world() -> World:
    return World()


def test_only_sent_signals_of_our_own_strategy_and_account_become_orders(world: World) -> None:
    taken = take_signals(
        [
            image(),
            image(),
            image("k2", disposition="suppressed", guardrail="cooldown"),
            image("k3", bot_id="grid1"),
            image("k4", account="other"),
            {"kind": "run", "body": "{}"},
            {"kind": "signal", "bot_id": "sighook", "disposition": "sent", "body": "{"},
        ],
        VENUE,
        world.ports,
    )

    assert (taken.accepted, taken.repeated, taken.ignored) == (1, 1, 5)
    assert "ORDER#k1" in world.store


def test_what_is_sent_can_be_recorded(world: World) -> None:
    take_signals([image(f"k{number}") for number in range(12)], VENUE, world.ports)
    world.execute(3)

    for body in world.queue.sent:
        assert parse_message(body, NOON).bad == []
    events = [EVENT.validate_python(event) for event in world.events]
    assert any(isinstance(event, FillEvent) for event in events)
    assert {event.venue for event in events} == {"paper"}
    fills = [event for event in events if isinstance(event, FillEvent)]
    assert min(fill.executed_at for fill in fills) >= NOON
    assert all(fill.client_order_id is None for fill in fills if fill.kind == "FILL")


def test_messages_come_twice_and_out_of_order_as_often_as_the_venue_is_told() -> None:
    def sent(duplicates: float, reordered: float) -> list[str]:
        one = World()
        take_signals([image(f"k{number}") for number in range(40)], VENUE, one.ports)
        execute_orders(
            NOON + timedelta(minutes=10),
            replace(VENUE, duplicate_rate=duplicates, reorder_rate=reordered),
            one.ports,
        )
        return [json.dumps(event) for event in one.events]

    calm = sent(0.0, 0.0)
    twice = sent(1.0, 0.0)
    mixed = sent(0.0, 1.0)

    assert len(set(calm)) == len(calm)
    assert twice == calm + calm
    assert sorted(mixed) == sorted(calm)
    assert mixed != calm
    some = sent(0.2, 0.0)
    assert len(calm) < len(some) < 1.5 * len(calm)


def test_a_schedule_that_fires_twice_sends_nothing_new(world: World) -> None:
    take_signals([image()], VENUE, world.ports)
    world.execute(2)
    sent = len(world.queue)
    world.execute(2)

    assert len(world.queue) == sent
    assert list(world.store.kept) == ["BOOK#BTC-USD"]


def test_a_signal_that_the_stream_repeats_later_is_no_second_order(world: World) -> None:
    take_signals([image()], VENUE, world.ports)
    world.execute(1)
    sent = len(world.queue)
    take_signals([image()], VENUE, world.ports)
    world.execute(1)

    assert len(world.queue) == sent
    assert "ORDER#k1" not in world.store


def test_events_that_the_queue_refused_are_sent_by_the_next_run_unchanged(world: World) -> None:
    twin = World()
    for one in (world, twin):
        take_signals([image()], VENUE, one.ports)
    world.queue.available = False
    with pytest.raises(DeliveryError):
        world.execute(1)
    world.queue.available = True
    world.execute(1)
    twin.execute(1)

    assert world.queue.sent == twin.queue.sent
    assert world.queue.sent


def test_two_runs_at_once_let_one_win(world: World) -> None:
    take_signals([image()], VENUE, world.ports)
    slow = World(store=FakePaperStore(dict(world.store.kept)), queue=world.queue)
    stale = slow.store.items()
    world.execute(1)
    slow.store.kept = dict(world.store.kept)
    slow.store.items = lambda: stale  # type: ignore[method-assign]

    with pytest.raises(StateChangedError):
        slow.execute(1)


def test_bars_are_played_once_however_the_runs_fall(world: World) -> None:
    twin = World()
    orders = [image(f"k{number}", symbol="ETH-USD", price="3000", order_type="limit") for number in range(4)]
    for one in (world, twin):
        take_signals(orders, VENUE, one.ports)
    for bars in range(1, 21):
        world.execute(bars)
    twin.execute(20)

    def distinct(one: World) -> set[str]:
        return {json.dumps(event, sort_keys=True) for event in one.events}

    assert distinct(world) == distinct(twin)


def test_an_idle_book_asks_the_market_for_nothing(world: World) -> None:
    take_signals([image(side="sell", quantity="1")], VENUE, world.ports)
    world.execute(1)
    sent = len(world.queue)
    world.execute(5)

    assert [event["status"] for event in world.events] == ["rejected"] * len(world.events)
    assert len(world.queue) == sent
