"""One contract for the hot store: it holds for the table, and for what other tests use in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from linkage.adapters.dynamodb.signals import DynamoSignalStore, DynamoSwitchboard
from linkage.domain.errors import StoreUnavailableError
from linkage.domain.facts import SignalKey
from linkage.domain.ids import BotId, ClientOrderId
from linkage.ports.store import ForwardStatus, SignalStore
from tests.support.clock import FrozenClock
from tests.support.dynamodb import ShortCut, SignalsTable, moto_table
from tests.support.fakes import FakeSignalStore

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
KEY = SignalKey(BotId("sighook"), ClientOrderId("a" * 32))
LEASE = timedelta(seconds=60)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture(params=["fake", "dynamodb", "short cut"])
def store(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[SignalStore]:
    if request.param == "fake":
        yield FakeSignalStore(clock)
        return
    with moto_table() as table:
        client = table.client if request.param == "dynamodb" else ShortCut()
        yield DynamoSignalStore(table.name, client, clock)


def put(store: SignalStore, clock: FrozenClock, *, key: SignalKey = KEY, meaning: str = "m1") -> str:
    return store.put_signal(
        key, fact=f'{{"meaning":"{meaning}"}}', meaning=meaning, disposition="sent", received_at=clock.now()
    )


def test_a_signal_is_stored_once_and_its_repetition_changes_nothing(
    store: SignalStore, clock: FrozenClock
) -> None:
    assert put(store, clock) == "stored"
    assert put(store, clock) == "repeated"
    assert store.get_signals([KEY]) == {KEY: '{"meaning":"m1"}'}


def test_the_same_key_with_another_meaning_is_a_conflict_and_changes_nothing(
    store: SignalStore, clock: FrozenClock
) -> None:
    put(store, clock)
    assert put(store, clock, meaning="m2") == "conflict"
    assert store.get_signals([KEY]) == {KEY: '{"meaning":"m1"}'}


def test_one_key_of_two_bots_is_two_signals(store: SignalStore, clock: FrozenClock) -> None:
    other = SignalKey(BotId("grid1"), KEY.client_order_id)
    put(store, clock)
    assert put(store, clock, key=other, meaning="m2") == "stored"
    assert store.get_signals([KEY, other]) == {KEY: '{"meaning":"m1"}', other: '{"meaning":"m2"}'}


def test_an_expired_signal_that_is_still_present_counts_as_absent_everywhere(
    store: SignalStore, clock: FrozenClock
) -> None:
    put(store, clock)
    clock.advance(timedelta(days=45))
    assert store.get_signals([KEY]) == {}
    assert lease(store, clock) == store.forward_status(KEY).state == "gone"
    assert list(store.recent(["2026-11-22T18"])) == []


def test_an_expired_signal_that_is_still_present_is_overwritten_even_by_another_meaning(
    store: SignalStore, clock: FrozenClock
) -> None:
    put(store, clock)
    clock.advance(timedelta(days=45))
    assert put(store, clock, meaning="m2") == "stored"
    assert store.get_signals([KEY]) == {KEY: '{"meaning":"m2"}'}


def test_one_second_before_its_expiry_a_signal_is_there(store: SignalStore, clock: FrozenClock) -> None:
    put(store, clock)
    clock.advance(timedelta(days=45, seconds=-1))
    assert put(store, clock, meaning="m2") == "conflict"


def lease(store: SignalStore, clock: FrozenClock, owner: str = "a") -> str:
    return store.lease_forward(KEY, owner=owner, until=clock.now() + LEASE).state


def test_one_of_two_gets_the_lease_and_the_other_sees_it_run(store: SignalStore, clock: FrozenClock) -> None:
    assert lease(store, clock) == "gone"
    put(store, clock)
    assert store.forward_status(KEY) == ForwardStatus("open")
    until = NOW + timedelta(milliseconds=1234)
    assert store.lease_forward(KEY, owner="a", until=until) == ForwardStatus("leased", until)
    assert store.lease_forward(KEY, owner="b", until=until + LEASE) == ForwardStatus("running", until)


def test_the_owner_of_a_lease_that_asks_again_has_it(store: SignalStore, clock: FrozenClock) -> None:
    put(store, clock)
    assert [lease(store, clock), lease(store, clock)] == ["leased", "leased"]


def test_a_lease_that_has_ended_is_taken_over_and_not_a_moment_before(
    store: SignalStore, clock: FrozenClock
) -> None:
    put(store, clock)
    lease(store, clock)
    clock.advance(LEASE - timedelta(milliseconds=1))
    assert lease(store, clock, "b") == "running"
    clock.advance(timedelta(milliseconds=1))
    assert lease(store, clock, "b") == "leased"


@pytest.mark.parametrize("refused", [None, 403])
def test_an_outcome_is_final(store: SignalStore, clock: FrozenClock, refused: int | None) -> None:
    put(store, clock)
    lease(store, clock)
    for _ in range(2):
        assert store.settle_forward(KEY, owner="a", at=NOW, refused=refused)
    expected = ForwardStatus("forwarded") if refused is None else ForwardStatus("refused", status_code=403)
    clock.advance(2 * LEASE)
    for owner in ("a", "b"):
        assert store.lease_forward(KEY, owner=owner, until=clock.now() + LEASE) == expected


@pytest.mark.parametrize("refused", [None, 403])
def test_who_lost_the_lease_records_no_outcome_and_gives_nothing_back(
    store: SignalStore, clock: FrozenClock, refused: int | None
) -> None:
    put(store, clock)
    lease(store, clock)
    clock.advance(LEASE)
    lease(store, clock, "b")
    assert not store.settle_forward(KEY, owner="a", at=NOW, refused=refused)
    store.release_forward(KEY, owner="a")
    assert store.forward_status(KEY).state == "running"
    assert store.settle_forward(KEY, owner="b", at=NOW)


def test_a_lease_that_was_given_back_is_free_at_once(store: SignalStore, clock: FrozenClock) -> None:
    put(store, clock)
    lease(store, clock)
    for _ in range(2):
        store.release_forward(KEY, owner="a")
    assert store.forward_status(KEY).state == "open"
    assert lease(store, clock, "b") == "leased"


def test_an_outcome_of_a_signal_that_is_gone_leaves_nothing_behind(
    store: SignalStore, clock: FrozenClock
) -> None:
    assert not store.settle_forward(KEY, owner="a", at=NOW)
    store.release_forward(KEY, owner="a")
    assert put(store, clock) == "stored"


def test_a_signal_that_replaces_an_expired_one_has_to_be_forwarded(
    store: SignalStore, clock: FrozenClock
) -> None:
    put(store, clock)
    lease(store, clock)
    store.settle_forward(KEY, owner="a", at=NOW)
    clock.advance(timedelta(days=45))
    assert put(store, clock, meaning="m2") == "stored"
    assert lease(store, clock, "b") == "leased"


def test_more_signals_than_one_request_takes_are_all_read(store: SignalStore, clock: FrozenClock) -> None:
    keys = [SignalKey(BotId("sighook"), ClientOrderId(f"{number:032x}")) for number in range(130)]
    for key in keys:
        put(store, clock, key=key)
    assert set(store.get_signals(keys)) == set(keys)


def test_no_keys_need_no_answer(store: SignalStore) -> None:
    assert store.get_signals([]) == {}


def test_a_snapshot_is_stored_once_per_description_and_never_expires(
    store: SignalStore, clock: FrozenClock
) -> None:
    assert store.put_snapshot("s1", "c1", fact="{}", received_at=NOW)
    clock.advance(timedelta(days=400))
    assert not store.put_snapshot("s1", "c1", fact="{}", received_at=NOW)
    assert store.put_snapshot("s1", "c2", fact="{}", received_at=NOW)


def test_a_run_that_the_schedule_fired_twice_is_stored_once(store: SignalStore) -> None:
    assert store.put_run("r1", fact='{"first":true}', received_at=NOW)
    assert not store.put_run("r1", fact='{"first":false}', received_at=NOW)


def test_the_recent_items_are_those_of_the_hours_asked_for(store: SignalStore, clock: FrozenClock) -> None:
    put(store, clock)
    store.put_run("r1", fact='{"run":1}', received_at=NOW + timedelta(minutes=59, seconds=59))
    store.put_snapshot("s1", "c1", fact='{"snapshot":1}', received_at=NOW + timedelta(hours=1))
    store.put_run("r0", fact='{"run":0}', received_at=NOW - timedelta(seconds=1))
    found = [(item.kind, item.body, item.received_at) for item in store.recent(["2026-11-22T18"])]
    assert found == [
        ("signal", '{"meaning":"m1"}', NOW),
        ("run", '{"run":1}', NOW + timedelta(minutes=59, seconds=59)),
    ]
    assert len(list(store.recent(["2026-11-22T17", "2026-11-22T18", "2026-11-22T19"]))) == 4


# What only the real table can show.


class RefusingClient:
    """A client whose every call fails as it was told."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> Any:
            raise self.error

        return call


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "GetItem"),
        ClientError({"Error": {"Code": "InternalServerError"}}, "GetItem"),
        ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetItem"),
        ConnectTimeoutError(endpoint_url="http://127.0.0.1:9"),
    ],
    ids=["throttled", "broken", "denied", "unreachable"],
)
def test_every_call_says_that_the_store_is_away(error: Exception, clock: FrozenClock) -> None:
    client = RefusingClient(error)
    store = DynamoSignalStore("table", client, clock)
    calls: list[Callable[[], object]] = [
        lambda: put(store, clock),
        lambda: store.get_signals([KEY]),
        lambda: lease(store, clock),
        lambda: store.forward_status(KEY),
        lambda: store.settle_forward(KEY, owner="a", at=NOW),
        lambda: store.release_forward(KEY, owner="a"),
        lambda: store.put_snapshot("s", "c", fact="{}", received_at=NOW),
        lambda: store.put_run("r", fact="{}", received_at=NOW),
        lambda: list(store.recent(["2026-11-22T18"])),
        lambda: DynamoSwitchboard("table", client).linking_enabled(),
        lambda: DynamoSwitchboard("table", client).turn("{}", changed_at=NOW),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailableError):
            call()


class PartialClient:
    """A real client that answers a batch read one key at a time, or never in full."""

    def __init__(self, client: Any, *, for_ever: bool) -> None:
        self.client = client
        self.for_ever = for_ever
        self.calls = 0

    def batch_get_item(self, **arguments: Any) -> Any:
        self.calls += 1
        ((table, request),) = arguments["RequestItems"].items()
        keys = request["Keys"]
        take = 0 if self.for_ever else max(1, len(keys) // 2)
        reply: dict[str, Any] = {"Responses": {table: []}}
        if take:
            reply = self.client.batch_get_item(RequestItems={table: {**request, "Keys": keys[:take]}})
        rest = keys[take:]
        return {**reply, "UnprocessedKeys": {table: {**request, "Keys": rest}} if rest else {}}


def test_keys_that_the_table_did_not_process_are_asked_for_again(
    signals_table: SignalsTable, clock: FrozenClock
) -> None:
    keys = [SignalKey(BotId("sighook"), ClientOrderId(f"{number:032x}")) for number in range(5)]
    for key in keys:
        put(DynamoSignalStore(signals_table.name, signals_table.client, clock), clock, key=key)
    client = PartialClient(signals_table.client, for_ever=False)
    store = DynamoSignalStore(signals_table.name, client, clock, pause=lambda seconds: None)
    assert set(store.get_signals(keys)) == set(keys)
    assert client.calls > 1


def test_a_table_that_never_answers_in_full_is_unavailable_and_not_empty(
    signals_table: SignalsTable, clock: FrozenClock
) -> None:
    client = PartialClient(signals_table.client, for_ever=True)
    store = DynamoSignalStore(signals_table.name, client, clock, pause=lambda seconds: None)
    with pytest.raises(StoreUnavailableError):
        store.get_signals([KEY])
    assert client.calls < 10


def test_the_stream_carries_a_stored_signal_and_its_overwriting_after_expiry(
    signals_table: SignalsTable, clock: FrozenClock
) -> None:
    store = DynamoSignalStore(signals_table.name, signals_table.client, clock)
    put(store, clock)
    clock.advance(timedelta(days=45))
    put(store, clock, meaning="m2")
    records = signals_table.stream_event()["Records"]
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY"]
    assert [record["dynamodb"]["NewImage"]["meaning"]["S"] for record in records] == ["m1", "m2"]
    assert signals_table.stream_event()["Records"] == []


def test_the_ttl_attribute_is_a_number_45_days_ahead(signals_table: SignalsTable, clock: FrozenClock) -> None:
    put(DynamoSignalStore(signals_table.name, signals_table.client, clock), clock)
    (item,) = signals_table.items()
    assert int(item["expires_at"]["N"]) == int((NOW + timedelta(days=45)).timestamp())


def test_linking_is_on_until_it_is_turned_off_and_on_again(signals_table: SignalsTable) -> None:
    switchboard = DynamoSwitchboard(signals_table.name, signals_table.client)
    assert switchboard.linking_enabled()
    switchboard.turn('{"enabled":false,"changed_at":"2026-11-22T18:00:00Z"}', changed_at=NOW)
    assert not switchboard.linking_enabled()
    switchboard.turn('{"enabled":true,"changed_at":"2026-11-22T18:01:00Z"}', changed_at=NOW)
    assert switchboard.linking_enabled()
    assert [record["eventName"] for record in signals_table.stream_event()["Records"]] == ["INSERT", "MODIFY"]


def test_a_switch_that_makes_no_sense_cannot_be_read(signals_table: SignalsTable) -> None:
    switchboard = DynamoSwitchboard(signals_table.name, signals_table.client)
    switchboard.turn("[]", changed_at=NOW)
    with pytest.raises(StoreUnavailableError):
        switchboard.linking_enabled()


def test_bots_and_the_switch_are_recent_whenever_they_were_written(
    signals_table: SignalsTable, clock: FrozenClock
) -> None:
    DynamoSwitchboard(signals_table.name, signals_table.client).turn('{"enabled":false}', changed_at=NOW)
    for number in range(3):
        signals_table.client.put_item(
            TableName=signals_table.name,
            Item={
                "pk": {"S": "BOT"}, "sk": {"S": f"BOT#{number}"}, "kind": {"S": "bot"},
                "body": {"S": f'{{"bot":{number}}}'}, "received_at": {"S": "2026-01-01T00:00:00Z"},
            },
        )  # fmt: skip
    clock.advance(timedelta(days=400))
    store = DynamoSignalStore(signals_table.name, signals_table.client, clock)
    assert [item.kind for item in store.recent([])] == ["bot", "bot", "bot", "switch"]
