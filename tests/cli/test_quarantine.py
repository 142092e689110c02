"""``linkage quarantine`` on the real functions and PostgreSQL."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.recorder import repair
from linkage.contracts.events import EVENT, fact_text
from tests.cli.deployed import WorldCloud, run
from tests.scenarios.world import World
from tests.support.events import fill, native_id, our_key

A, B = native_id(1), native_id(2)
FORGED = {"type": "fill", "order_id": A, "key_is_ours": True, "fill_id": "t1", "body_text": "private"}


@pytest.fixture
def cloud(world: World) -> WorldCloud:
    return WorldCloud(world)


def put_aside(world: World, source: str, body: object) -> int:
    """Put aside what a version before this one did not understand."""
    text = body if isinstance(body, str) else json.dumps(body, sort_keys=True)
    ((number,),) = world.rows(
        "INSERT INTO quarantine (digest, source, reason, body) VALUES (md5(%s), %s, 'not yet', %s)"
        " RETURNING quarantine_id",
        f"{source}\x1f{text}",
        source,
        text,
    )
    return int(number)


def listed(cloud: WorldCloud, *arguments: str) -> Any:
    return json.loads(run(cloud, "quarantine", "list", "--json", *arguments).stdout)


def test_the_list_shows_the_reason_and_no_body(cloud: WorldCloud) -> None:
    cloud.world.fills(FORGED, fill(B))
    result = run(cloud, "quarantine", "list")
    assert result.exit_code == 1
    assert "fills" in result.stdout
    assert "private" not in result.stdout + json.dumps(listed(cloud))
    assert listed(cloud)["total"] == 1


def test_an_empty_quarantine_is_well(cloud: WorldCloud) -> None:
    result = run(cloud, "quarantine", "list")
    assert (result.exit_code, "Nothing is quarantined." in result.stderr) == (0, True)


def test_show_gives_the_body_as_it_came(cloud: WorldCloud) -> None:
    cloud.world.fills("no JSON [bold]")
    result = run(cloud, "quarantine", "show", "1")
    assert result.exit_code == 0
    assert result.stdout.endswith("\nno JSON [bold]\n")
    assert run(cloud, "quarantine", "show", "2").exit_code == 1
    assert run(cloud, "quarantine", "show", "0").exit_code == 2


def test_a_body_does_not_steer_the_terminal(cloud: WorldCloud) -> None:
    put_aside(cloud.world, "fills", "\x1b[2Jgone\x9b1A\tü")
    assert run(cloud, "quarantine", "show", "1").stdout.endswith("\n\\x1b[2Jgone\\x9b1A\tü\n")


def test_what_is_understood_now_is_recorded_linked_and_resolved(cloud: WorldCloud) -> None:
    world = cloud.world
    world.signal(our_key(1), snapshot_id="b042c0bb-6184-4d40-aa65-2f7c8d83a243")
    number = put_aside(world, "fills", fill(A, client_order_id=our_key(1)))
    result = run(cloud, "quarantine", "retry", str(number), "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"understood": 1, "left": []})
    assert world.links().keys() == {A}
    assert listed(cloud)["events"] == []
    assert [each["resolved_at"] is None for each in listed(cloud, "--all")["events"]] == [False]


def test_an_item_of_the_stream_is_archived(cloud: WorldCloud) -> None:
    world = cloud.world
    world.signal(our_key(1), snapshot_id="b042c0bb-6184-4d40-aa65-2f7c8d83a243")
    (record,) = world.table.stream_event()["Records"]
    image = {name: value["S"] for name, value in record["dynamodb"]["NewImage"].items() if "S" in value}
    number = put_aside(world, "stream", image)
    assert run(cloud, "quarantine", "retry", str(number)).exit_code == 0
    assert world.count("strategy_signals") == 1


def test_what_is_not_understood_stays_once_and_holds_up_no_other(
    cloud: WorldCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = cloud.world
    monkeypatch.setattr(repair, "RETRY_EVENTS", 1)
    row_that_postgresql_refused = fact_text(EVENT.validate_python(fill(A)))
    put_aside(world, "fills", row_that_postgresql_refused)
    put_aside(world, "stream", {"snapshot_id": "another"})
    put_aside(world, "stream", {"kind": "signal", "body": "no JSON"})
    put_aside(world, "fills", fill(B))
    result = run(cloud, "quarantine", "retry", "--all")
    assert result.exit_code == 1
    assert "1 understood, 3 left." in result.stderr
    assert world.rows("SELECT order_id FROM trade_records") == [(B,)]
    assert [each["quarantine_id"] for each in listed(cloud)["events"]] == [3, 2, 1]


def test_a_defect_of_ours_leaves_an_event_where_it_is(
    cloud: WorldCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise RuntimeError("a defect")

    put_aside(cloud.world, "fills", fill(A))
    monkeypatch.setattr(repair, "parse_message", fail)
    result = run(cloud, "quarantine", "retry", "--all", "--json")
    assert json.loads(result.stdout)["left"] == [
        {"quarantine_id": 1, "understood": False, "reason": "unexpected RuntimeError"}
    ]


@pytest.mark.parametrize(("arguments", "exit_code"), [(["7"], 1), ([], 2), (["7", "--all"], 2), (["0"], 2)])
def test_retry_needs_one_event_that_waits_or_all(
    cloud: WorldCloud, arguments: list[str], exit_code: int
) -> None:
    assert run(cloud, "quarantine", "retry", *arguments).exit_code == exit_code
