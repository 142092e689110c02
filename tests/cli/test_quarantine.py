"""``linkage quarantine`` on the real functions and PostgreSQL."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from functions.recorder import repair
from linkage.contracts.events import EVENT, fact_text
from tests.cli.deployed import WorldCloud, run
from tests.scenarios.world import World
from tests.support.events import fill, native_id, order, our_key

A, B = native_id(1), native_id(2)
FORGED = {"type": "fill", "order_id": A, "key_is_ours": True, "fill_id": "t1", "body_text": "private"}


@pytest.fixture
def cloud(world: World) -> WorldCloud:
    return WorldCloud(world)


def put_aside(world: World, source: str, body: object, *, reason: str = "not yet") -> int:
    """Put aside what a version before this one did not understand."""
    text = body if isinstance(body, str) else json.dumps(body, sort_keys=True)
    ((number,),) = world.rows(
        "INSERT INTO quarantine (digest, source, reason, body) VALUES (md5(%s), %s, %s, %s)"
        " RETURNING quarantine_id",
        f"{source}\x1f{text}",
        source,
        reason,
        text,
    )
    return int(number)


def alter(world: World, statement: str) -> None:
    """Change the schema, as a migration does."""
    with psycopg.connect(world.database.server.dsn(database=world.database.name)) as connection:
        connection.execute(statement.encode())


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
    assert [event["resolved_at"] is None for event in listed(cloud, "--all")["events"]] == [False]


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
    assert [event["quarantine_id"] for event in listed(cloud)["events"]] == [3, 2, 1]


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


def test_what_postgresql_refused_goes_in_as_the_row_once_there_is_room_for_it(cloud: WorldCloud) -> None:
    world = cloud.world
    world.signal(our_key(1), snapshot_id="b042c0bb-6184-4d40-aa65-2f7c8d83a243")
    for table in ("fills", "order_events"):
        alter(world, f"ALTER TABLE {table} ADD CONSTRAINT narrow CHECK (symbol <> 'BTC-USD')")
    world.fills(fill(A, client_order_id=our_key(1)), order(A, "filled", size="1"), fill(B, symbol="ETH-USD"))
    assert [event["reason"][:5] for event in listed(cloud)["events"]] == ["23514", "23514"]
    result = run(cloud, "quarantine", "retry", "--all", "--json")
    left = [event["reason"] for event in json.loads(result.stdout)["left"]]
    assert [reason[:14] for reason in left] == ["narrow: 23514:"] * 2
    assert (world.links(), world.count("quarantine")) == ({}, 2)

    for table in ("fills", "order_events"):
        alter(world, f"ALTER TABLE {table} DROP CONSTRAINT narrow")
    result = run(cloud, "quarantine", "retry", "--all", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"understood": 2, "left": []})
    assert world.links().keys() == {A}
    assert (world.order(A)["status"], world.count("fills"), world.count("order_events")) == ("filled", 2, 1)
    state = world.derived()
    world.fills(fill(A, client_order_id=our_key(1)), order(A, "filled", size="1"))
    assert world.derived() == state


def test_a_refused_row_of_the_stream_is_archived(cloud: WorldCloud) -> None:
    world = cloud.world
    alter(world, "ALTER TABLE strategy_signals ADD CONSTRAINT narrow CHECK (side <> 'buy')")
    world.signal(our_key(1), snapshot_id="b042c0bb-6184-4d40-aa65-2f7c8d83a243")
    world.stream()
    assert [event["source"] for event in listed(cloud)["events"]] == ["stream"]
    alter(world, "ALTER TABLE strategy_signals DROP CONSTRAINT narrow")
    assert run(cloud, "quarantine", "retry", "--all").exit_code == 0
    assert world.count("strategy_signals") == 1


@pytest.mark.parametrize("body", ["no JSON", "[1]", '{"snapshot_id": "another"}'])
def test_what_is_no_row_of_ours_stays_whatever_its_reason_says(cloud: WorldCloud, body: str) -> None:
    put_aside(cloud.world, "fills", body, reason="23514: a check")
    result = run(cloud, "quarantine", "retry", "1")
    assert (result.exit_code, "it is no row of the ledger" in result.stdout) == (1, True)


def test_the_list_counts_reasons_and_tells_ages(cloud: WorldCloud) -> None:
    cloud.world.fills(fill(A, side="hold"), fill(B, side="hold"), "no JSON")
    cloud.world.rows("UPDATE quarantine SET quarantined_at = now() - INTERVAL '50 hours' RETURNING 1")
    found = listed(cloud)
    assert [(reason["events"], reason["oldest_seconds"]) for reason in found["reasons"]] == [
        (2, 180_000),
        (1, 180_000),
    ]
    assert [event["age_seconds"] for event in found["events"]] == [180_000] * 3
    assert "2 d" in run(cloud, "quarantine", "list").stdout


def test_what_is_dismissed_keeps_its_body_and_the_reason_and_is_not_tried_again(cloud: WorldCloud) -> None:
    cloud.world.fills("no JSON")
    result = run(cloud, "quarantine", "dismiss", "1", "--reason", "a test of [somebody]")
    assert (result.exit_code, "Dismissed event 1." in result.stderr) == (0, True)
    assert listed(cloud) == {"total": 0, "reasons": [], "events": []}
    assert json.loads(run(cloud, "quarantine", "retry", "--all", "--json").stdout)["left"] == []
    (event,) = listed(cloud, "--all")["events"]
    assert event["resolution"] == "a test of [somebody]"
    assert run(cloud, "quarantine", "show", "1").stdout.endswith("\nno JSON\n")
    assert run(cloud, "quarantine", "dismiss", "1", "--reason", "again").exit_code == 1
    (same,) = listed(cloud, "--all")["events"]
    assert (same["resolution"], same["resolved_at"]) == (event["resolution"], event["resolved_at"])


@pytest.mark.parametrize(
    "arguments", [["1"], ["1", "--reason", " "], ["--reason", "x"], ["0", "--reason", "x"]]
)
def test_dismissing_needs_an_event_and_a_reason(cloud: WorldCloud, arguments: list[str]) -> None:
    assert run(cloud, "quarantine", "dismiss", *arguments).exit_code == 2
    assert cloud.asked == []
