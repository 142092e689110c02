"""The recorder's use cases over ports in memory: what is done, in which order, and what a failure costs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from functions.recorder import archive, maintenance, service
from functions.recorder.archive import StreamRecord
from functions.recorder.service import Message, Ports
from linkage.contracts.signals import BotRecord, SwitchRecord
from linkage.domain.errors import LedgerUnavailableError
from linkage.domain.facts import LedgerHealth, LinkMade, MissingSignal, Resolved, SignalKey, Touched
from linkage.domain.ids import BotId, ClientOrderId, OrderId
from tests.support.clock import FrozenClock
from tests.support.events import NOW, SNAPSHOT_A, fill, native_id, order, our_key, signal
from tests.support.fakes import FakeLedger, FakeSignalStore, FakeSwitchboard

ORDER = OrderId(native_id(1))


@dataclass
class World:
    """Ports in memory."""

    clock: FrozenClock = field(default_factory=lambda: FrozenClock(NOW))
    ledger: FakeLedger = field(default_factory=lambda: FakeLedger(touched=Touched(frozenset({ORDER}))))
    switchboard: FakeSwitchboard = field(default_factory=FakeSwitchboard)
    store: FakeSignalStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = FakeSignalStore(self.clock)

    @property
    def ports(self) -> Ports:
        return Ports(self.ledger, self.store, self.switchboard, self.clock)

    def store_signal(self, key: SignalKey, body: str) -> None:
        self.store.put_signal(key, fact=body, meaning="m", disposition="sent", received_at=NOW)


@pytest.fixture
def world() -> World:
    return World()


def message(*events: dict[str, object], number: int = 1) -> Message:
    return Message(f"message-{number}", json.dumps(list(events)))


def missing(key: SignalKey, order_id: OrderId = ORDER) -> MissingSignal:
    return MissingSignal(order_id, key.client_order_id, (key,))


def link(order_id: OrderId = ORDER) -> LinkMade:
    return LinkMade(order_id, ClientOrderId("k"), SNAPSHOT_A, "key")


def record(kind: str, body: str) -> StreamRecord:
    return StreamRecord("1", {"kind": kind, "body": body})


def test_facts_are_recorded_before_links_are_resolved(world: World) -> None:
    outcome = service.record_fills([message(fill(ORDER), order(ORDER))], world.ports)
    (facts,) = world.ledger.recorded
    assert (len(facts.fills), len(facts.order_events)) == (1, 1)
    assert world.ledger.resolved == [world.ledger.touched]
    assert outcome.new_facts == 2


def test_a_fill_is_recorded_with_the_message_that_brought_it(world: World) -> None:
    service.record_fills([message(fill(ORDER)), Message("", json.dumps(fill(ORDER)))], world.ports)
    (facts,) = world.ledger.recorded
    assert [json.loads(fact).get("message_id") for fact in facts.fills] == ["message-1", None]


def test_a_bad_event_is_quarantined_with_its_message_and_its_neighbours_are_recorded(world: World) -> None:
    outcome = service.record_fills(
        [message(fill(ORDER), fill(ORDER, price=None)), Message("m2", "{")], world.ports
    )
    (facts,) = world.ledger.recorded
    assert len(facts.fills) == 1
    assert [(bad.source, bad.message_id) for bad in facts.quarantined] == [
        ("fills", "message-1"),
        ("fills", "m2"),
    ]
    assert len(outcome.quarantined) == 2


def test_a_signal_that_the_ledger_lacks_is_read_from_the_hot_store_archived_and_resolved(
    world: World,
) -> None:
    key, stored = signal(our_key())
    world.store_signal(key, stored.fact_text())
    world.ledger.answers = [Resolved(missing=[missing(key)]), Resolved(made=[link()])]
    outcome = service.record_fills([message(fill(ORDER))], world.ports)
    assert list(world.ledger.recorded[1].signals) == [stored.fact_text()]
    assert ORDER in world.ledger.resolved[1].order_ids
    assert outcome.made == (link(),)
    assert outcome.missing == ()


def test_a_signal_that_is_nowhere_is_told_and_asked_for_once(world: World) -> None:
    key, _ = signal(our_key())
    world.ledger.answers = [Resolved(missing=[missing(key), missing(key, OrderId(native_id(2)))])]
    outcome = service.record_fills([message(fill(ORDER))], world.ports)
    assert outcome.missing == (key.client_order_id,)
    assert world.store.reads == 1
    assert len(world.ledger.resolved) == 1


def test_only_the_signals_that_are_still_missing_are_told(world: World) -> None:
    there, stored = signal(our_key(1))
    nowhere, _ = signal(our_key(2))
    world.store_signal(there, stored.fact_text())
    world.ledger.answers = [Resolved(missing=[missing(there), missing(nowhere, OrderId(native_id(2)))])]
    assert service.record_fills([message(fill(ORDER))], world.ports).missing == (nowhere.client_order_id,)


def test_a_hot_store_that_is_away_costs_the_link_and_not_the_fill(world: World) -> None:
    key, _ = signal(our_key())
    world.ledger.answers = [Resolved(missing=[missing(key)])]
    world.store.available = False
    outcome = service.record_fills([message(fill(ORDER))], world.ports)
    assert outcome.store_unavailable
    assert outcome.new_facts == 1


def test_a_switch_that_cannot_be_read_counts_as_on_and_its_store_is_not_asked_again(world: World) -> None:
    key, _ = signal(our_key())
    world.ledger.answers = [Resolved(missing=[missing(key)])]
    world.switchboard.enabled = None
    outcome = service.record_fills([message(fill(ORDER))], world.ports)
    assert len(world.ledger.resolved) == 1
    assert outcome.store_unavailable
    assert world.store.reads == 0


def test_with_linking_off_facts_are_recorded_and_nothing_is_resolved(world: World) -> None:
    world.switchboard.enabled = False
    outcome = service.record_fills([message(fill(ORDER))], world.ports)
    assert len(world.ledger) == 1
    assert world.ledger.resolved == []
    assert not outcome.linking_enabled


@pytest.mark.parametrize("step", [0, 1])
def test_a_ledger_that_is_away_in_either_step_is_an_error(world: World, step: int) -> None:
    world.ledger.failures = [None] * step + [LedgerUnavailableError("away")]
    with pytest.raises(LedgerUnavailableError):
        service.record_fills([message(fill(ORDER))], world.ports)


def test_each_kind_of_hot_item_is_archived_as_its_own_fact(world: World) -> None:
    switch = SwitchRecord(enabled=False, changed_at=NOW).fact_text()
    bot = BotRecord(
        bot_id="grid1", source="bottrader", venue="coinbase", account="main", linked_since=NOW,
        updated_at=NOW, token_hashes=["secret"], forward_url="https://example.test/secret",
    )  # fmt: skip
    records = [
        record("signal", '{"s":1}'), record("snapshot", '{"p":1}'), record("run", '{"r":1}'),
        record("bot", bot.model_dump_json()), record("switch", switch),
        record("token", ""), record("state", ""),
    ]  # fmt: skip
    outcome = archive.archive(records, world.ports)
    (facts,) = world.ledger.recorded
    assert (facts.signals, facts.snapshots, facts.runs) == (['{"s":1}'], ['{"p":1}'], ['{"r":1}'])
    assert list(facts.switches) == [switch]
    assert "secret" not in facts.bots[0]
    assert outcome.quarantined == ()


@pytest.mark.parametrize(
    "image",
    [{}, {"kind": "signal"}, {"kind": "signal", "body": "{"}, {"kind": "run", "body": "[]"}, {"body": "{}"}],
    ids=str,
)
def test_a_poisonous_item_is_put_aside_and_the_stream_flows_on(world: World, image: dict[str, str]) -> None:
    outcome = archive.archive([StreamRecord("7", image), record("run", '{"r":1}')], world.ports)
    (facts,) = world.ledger.recorded
    assert list(facts.runs) == ['{"r":1}']
    (bad,) = outcome.quarantined
    assert (bad.source, bad.message_id) == ("stream", "7")


def test_the_secrets_of_a_poisonous_bot_are_not_put_aside_with_it(world: World) -> None:
    outcome = archive.archive([record("bot", '{"token_hashes":["secret"]}')], world.ports)
    assert "secret" not in outcome.quarantined[0].body


def test_turning_linking_on_resolves_the_backlog(world: World) -> None:
    world.ledger.touched = Touched()
    world.ledger.waiting = Touched(frozenset({ORDER}))
    world.ledger.answers = [Resolved(made=[link()])]
    on = SwitchRecord(enabled=True, changed_at=NOW).fact_text()
    assert archive.archive([record("switch", on)], world.ports).made == (link(),)


def test_turning_linking_off_resolves_nothing(world: World) -> None:
    world.switchboard.enabled = False
    world.ledger.waiting = Touched(frozenset({ORDER}))
    off = SwitchRecord(enabled=False, changed_at=NOW).fact_text()
    archive.archive([record("switch", off)], world.ports)
    assert world.ledger.resolved == []


def test_a_sweep_archives_what_the_stream_missed_and_tells_how_old_it_is(world: World) -> None:
    world.ledger.touched = Touched()
    world.store_signal(signal(our_key(1))[0], '{"s":1}')
    world.store_signal(signal(our_key(2))[0], '{"s":2}')
    world.ledger.archived = {'{"s":1}'}
    world.clock.advance(timedelta(minutes=10))
    swept = archive.sweep(26, world.ports)
    assert [list(facts.signals) for facts in world.ledger.recorded] == [['{"s":2}']]
    assert (swept.archived, swept.oldest_unarchived_seconds) == (1, 600)


def test_a_sweep_that_finds_everything_archived_tells_an_age_of_zero(world: World) -> None:
    assert archive.sweep(26, world.ports).oldest_unarchived_seconds == 0


def test_a_sweep_without_the_hot_store_still_resolves_what_the_ledger_can(world: World) -> None:
    world.store.available = False
    world.ledger.waiting = Touched(frozenset({ORDER}))
    world.ledger.answers = [Resolved(made=[link()])]
    swept = archive.sweep(26, world.ports)
    assert swept.outcome.store_unavailable
    assert swept.outcome.made == (link(),)


def test_a_long_backlog_is_resolved_in_parts_and_a_store_that_is_away_is_asked_once(world: World) -> None:
    world.ledger.waiting = Touched(frozenset(OrderId(native_id(number)) for number in range(1200)))
    key, _ = signal(our_key())
    world.ledger.answers = [Resolved(missing=[missing(key)]) for _ in range(3)]
    world.store.available = False
    outcome = service.resolve_backlog(world.ports)
    assert [len(part.order_ids) for part in world.ledger.resolved] == [500, 500, 200]
    assert (
        frozenset().union(*(part.order_ids for part in world.ledger.resolved))
        == world.ledger.waiting.order_ids
    )
    assert outcome.store_unavailable
    assert world.store.refusals == 1


def test_a_sweep_resolves_nothing_while_linking_is_off(world: World) -> None:
    world.switchboard.enabled = False
    world.ledger.waiting = Touched(frozenset({ORDER}))
    archive.sweep(26, world.ports)
    assert world.ledger.resolved == []


def test_the_rate_is_published_from_twenty_expected_orders_on() -> None:
    few = LedgerHealth(
        {"linked": 18, "lost": 1, "external": 5}, linkage_rate=0.947, executed_linkage_rate=0.75
    )
    enough = LedgerHealth({"linked": 19, "lost": 1, "pending": 3}, linkage_rate=0.95)
    assert maintenance.health_metrics(few) == {
        "OrdersLost": 1, "OrdersConflict": 0, "OrdersPending": 0, "ExpectedOrders": 19, "ExecutedOrders": 24,
        "ExecutedLinkagePercent": 75.0,
    }  # fmt: skip
    assert maintenance.health_metrics(enough)["LinkageRatePercent"] == 95.0


def test_maintenance_measures_the_last_six_hours() -> None:
    world = World(clock=FrozenClock(datetime(2026, 11, 22, 18, 0, tzinfo=UTC)))
    world.ledger.health = LedgerHealth({"linked": 1})
    assert maintenance.maintain(world.ledger, world.clock).counts == {"linked": 1}


def test_a_batch_publishes_no_zeros_and_only_the_queue_counts_fills(world: World) -> None:
    world.ledger.answers = [Resolved(made=[link(), LinkMade(ORDER, None, SNAPSHOT_A, "key", True, True)])]
    outcome = service.record_fills([message(fill(ORDER))], world.ports)
    assert service.outcome_metrics(outcome, fills=True) == {
        "FillsRecorded": 1, "LinksCreated": 1, "LinksChanged": 1, "SnapshotChanged": 1,
    }  # fmt: skip
    assert "FillsRecorded" not in service.outcome_metrics(outcome)


def test_bot_ids_are_part_of_what_is_asked_for(world: World) -> None:
    ours, other = (SignalKey(BotId(bot), ClientOrderId("entry-1")) for bot in ("grid1", "grid2"))
    world.store_signal(other, '{"s":1}')
    world.ledger.answers = [Resolved(missing=[MissingSignal(ORDER, ClientOrderId("entry-1"), (ours, other))])]
    service.record_fills([message(fill(ORDER))], world.ports)
    assert list(world.ledger.recorded[1].signals) == ['{"s":1}']
