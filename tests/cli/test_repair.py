"""``linkage relink`` and ``linkage redrive`` on the real functions, PostgreSQL and moto's SQS."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from functions.recorder import repair
from linkage.adapters.aws.sqs_events import SqsEventQueue
from linkage.domain.errors import DeliveryError
from linkage.runtime import aws
from tests.cli.deployed import WorldCloud, run
from tests.scenarios.world import World
from tests.support.events import NOW, SNAPSHOT_A, fill, native_id, our_key

A, B, C = native_id(1), native_id(2), native_id(3)


@pytest.fixture
def cloud(world: World) -> WorldCloud:
    return WorldCloud(world)


def record_unlinked(world: World, *orders: str) -> None:
    """Record orders whose signals only the hot store has, with DynamoDB away, so that no link is made."""
    for number in range(len(orders)):
        assert world.signal(our_key(number), snapshot_id=SNAPSHOT_A) == 200
    world.cut_off_the_table()
    world.fills(*(fill(order_id, client_order_id=our_key(number)) for number, order_id in enumerate(orders)))
    world.mend_the_table()
    assert world.links() == {}


def relink(cloud: WorldCloud, *arguments: str) -> Any:
    return json.loads(run(cloud, "relink", "--json", *arguments).stdout)


def test_relink_links_what_a_fault_left_behind_and_twice_changes_nothing(cloud: WorldCloud) -> None:
    record_unlinked(cloud.world, A, B)
    first = relink(cloud, "--hours", "1")
    assert (first["orders"], first["linked"]) == (2, 2)
    assert cloud.world.links() == {A: str(SNAPSHOT_A), B: str(SNAPSHOT_A)}
    state = cloud.world.derived()
    second = relink(cloud, "--hours", "1")
    assert (second["orders"], second["linked"], second["changed"], second["unlinked"]) == (2, 0, 0, 0)
    assert cloud.world.derived() == state


def test_relink_goes_on_where_a_part_ended_also_among_orders_of_one_moment(
    cloud: WorldCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_unlinked(cloud.world, A, B, C)
    cloud.world.rows("UPDATE trade_records SET first_recorded_at = '2026-11-22 12:00Z' RETURNING 1")
    monkeypatch.setattr(repair, "RELINK_ORDERS", 1)
    result = run(cloud, "relink", "--since", "2026-11-22T12:00")
    assert result.exit_code == 0
    assert cloud.world.links().keys() == {A, B, C}
    assert [event.get("after") for _, event in cloud.asked] == [None, A, B, C]
    assert "3 orders, up to 2026-11-22T12:00:00Z" in result.stderr


def test_relink_leaves_what_was_recorded_before(cloud: WorldCloud) -> None:
    record_unlinked(cloud.world, A)
    cloud.world.rows("UPDATE trade_records SET first_recorded_at = '2026-11-22 12:00Z' RETURNING 1")
    assert relink(cloud, "--since", "2026-11-22T12:00:01Z")["orders"] == 0


def test_relink_says_that_linking_is_off(cloud: WorldCloud) -> None:
    record_unlinked(cloud.world, A)
    cloud.world.turn_linking(False)
    result = run(cloud, "relink", "--hours", "1")
    assert result.exit_code == 1
    assert "linkage switch on" in result.stderr
    assert cloud.world.links() == {}


def test_relink_says_that_the_hot_store_is_away(cloud: WorldCloud) -> None:
    record_unlinked(cloud.world, A)
    cloud.world.cut_off_the_table()
    result = run(cloud, "relink", "--hours", "1")
    cloud.world.mend_the_table()
    assert result.exit_code == 1
    assert "try again" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--hours", "1", "--since", "2026-11-22"],
        ["--hours", "0"],
        ["--hours", "1e30"],
        ["--since", "now"],
    ],
)
def test_relink_without_one_sound_period_is_a_usage_error_and_asks_nobody(
    cloud: WorldCloud, arguments: list[str]
) -> None:
    assert run(cloud, "relink", *arguments).exit_code == 2
    assert cloud.asked == []


def bury(cloud: WorldCloud, *bodies: str) -> None:
    SqsEventQueue(cloud.dead_letters, aws.client("sqs")).send(bodies)


def test_redrive_moves_every_dead_letter_unchanged_and_counts(cloud: WorldCloud) -> None:
    events = [fill(native_id(number), executed_at=NOW + timedelta(seconds=number)) for number in range(23)]
    bury(cloud, *(json.dumps(event, default=str) for event in events))
    result = run(cloud, "redrive", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "moved": 23,
        "before": {"dead letters": 23, "fills": 0},
        "after": {"dead letters": 0, "fills": 23},
    }
    cloud.world.queued()
    assert cloud.world.count("trade_records") == 23


def test_redrive_with_nothing_to_move_says_so(cloud: WorldCloud) -> None:
    result = run(cloud, "redrive")
    assert (result.exit_code, "Moved 0 messages." in result.stderr) == (0, True)


def test_redrive_deletes_no_dead_letter_whose_copy_was_not_accepted(
    cloud: WorldCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    bury(cloud, "one", "two")

    def refuse(_queue: SqsEventQueue, _bodies: object, **_options: object) -> None:
        raise DeliveryError("the queue refused a call")

    monkeypatch.setattr(SqsEventQueue, "send", refuse)
    assert run(cloud, "redrive").exit_code == 2
    monkeypatch.undo()
    attributes = aws.client("sqs").get_queue_attributes(
        QueueUrl=cloud.dead_letters, AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
    )
    assert attributes["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "2"
