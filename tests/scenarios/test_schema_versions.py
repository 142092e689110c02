"""Code and schema of different versions: a batch is redelivered until they fit, nothing is quarantined."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from tests.scenarios.world import World
from tests.support.events import SNAPSHOT_A, SNAPSHOT_B, fill, native_id, order, our_key

O1, O2, O3 = native_id(1), native_id(2), native_id(3)
K1, K2 = our_key(1), our_key(2)
SAFE_TO_REPEAT = 7
"""As many batches as make psycopg prepare its statements on the server, and some more."""


@contextmanager
def renamed(world: World, table: str, column: str) -> Iterator[None]:
    """Let a table, or a column of it, have another name, as before or after some migration."""
    there, back = (
        (f"{table} RENAME {column} TO before", f"{table} RENAME before TO {column}")
        if column
        else (f"{table} RENAME TO before", f"before RENAME TO {table}")
    )
    world.rows(f"ALTER TABLE {there}")
    try:
        yield
    finally:
        world.rows(f"ALTER TABLE {back}")


def counted_mismatches(capsys: pytest.CaptureFixture[str]) -> int:
    lines = [line for line in capsys.readouterr().out.splitlines() if '"SchemaMismatch"' in line]
    return sum(int(sum(json.loads(line)["SchemaMismatch"])) for line in lines)


@pytest.mark.parametrize(
    ("table", "column"),
    [("fills", "price"), ("trade_records", "status"), ("trade_strategy_link", "method"), ("fills", "")],
    ids=["a column of facts", "a column of orders", "a column of links", "a table"],
)
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_scenario_46_code_that_is_newer_than_the_schema_meets_a_batch_and_it_is_redelivered(
    world: World, capsys: pytest.CaptureFixture[str], table: str, column: str, warm: bool
) -> None:
    world.signal(K1, snapshot_id=SNAPSHOT_A)
    world.stream()
    for _ in range(SAFE_TO_REPEAT if warm else 0):
        assert world.fills(fill(O2)) == []
    batch: list[Mapping[str, Any] | str] = [fill(O1, client_order_id=K1), order(O3, "open"), "{"]
    capsys.readouterr()
    with renamed(world, table, column):
        for _ in range(2):
            assert len(world.fills(*batch)) == len(batch)
        assert world.count("quarantine") == 0
        assert counted_mismatches(capsys) == 2
    assert world.fills(*batch) == []
    assert world.links() == {O1: str(SNAPSHOT_A)}
    assert world.order(O1)["filled_quantity"] == 1
    # What nobody understands in any version is quarantined then, and it alone.
    assert world.count("quarantine") == 1
    assert counted_mismatches(capsys) == 0


def test_scenario_46_the_stream_too_is_redelivered_from_its_first_record(world: World) -> None:
    world.fills(fill(O1, client_order_id=K1))
    world.signal(K1, snapshot_id=SNAPSHOT_A)
    world.signal(K2, snapshot_id=SNAPSHOT_B)
    event = world.table.stream_event(peek=True)
    with renamed(world, "strategy_signals", "meaning"):
        first = event["Records"][0]["dynamodb"]["SequenceNumber"]
        assert world.archive(event)[0] == first
        assert world.count("quarantine") == world.count("strategy_signals") == 0
    assert world.stream() == []
    assert world.count("strategy_signals") == 2
    assert world.links() == {O1: str(SNAPSHOT_A)}
    assert world.count("quarantine") == 0


def test_scenario_46_a_schema_that_is_newer_than_the_code_does_no_harm(world: World) -> None:
    world.signal(K1, snapshot_id=SNAPSHOT_A)
    world.stream()
    for _ in range(SAFE_TO_REPEAT):
        assert world.fills(fill(O2)) == []
    tables = [
        table
        for (table,) in world.rows(
            "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
            " AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
        )
    ]
    assert {"fills", "trade_records", "trade_strategy_link"} <= set(tables)
    for table in tables:
        world.rows(f"ALTER TABLE {table} ADD COLUMN of_tomorrow text DEFAULT 'none'")
    try:
        assert world.fills(fill(O1, client_order_id=K1), order(O3, "open")) == []
        world.signal(K2, snapshot_id=SNAPSHOT_B)
        assert world.stream() == []
        assert world.sweep()["archived"] == 0
        assert world.links() == {O1: str(SNAPSHOT_A)}
        assert world.count("strategy_signals") == 2
        assert world.count("quarantine") == 0
    finally:
        for table in tables:
            world.rows(f"ALTER TABLE {table} DROP COLUMN of_tomorrow")
