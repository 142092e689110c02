"""Two recorders at once. The moment at which they meet is forced with locks, never with sleeps."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import errors

from linkage.adapters.postgres.connection import connect
from linkage.adapters.postgres.ledger.ledger import LOCK_RELATED, RESOLVE_LINKS, send_batch
from linkage.adapters.postgres.read.verify import verify
from linkage.domain.facts import FactBatch
from linkage.runtime.settings import DatabaseSettings
from tests.proofs import counting
from tests.support.concurrency import running, wait_until_blocked
from tests.support.events import fill, native_id, order, our_key, signal
from tests.support.ledger import LedgerDatabase, ToldLedger, a_bot, batch_of

A, B = native_id(1), native_id(2)
KEY, SIGNAL = our_key(1), signal(our_key(1))[1]


@pytest.fixture
def two(ledger_database: LedgerDatabase) -> Iterator[tuple[ToldLedger, ToldLedger]]:
    """Two recorders of one ledger."""
    recorders = ToldLedger.open(ledger_database), ToldLedger.open(ledger_database)
    yield recorders
    for recorder in recorders:
        recorder.close()


@pytest.fixture(autouse=True)
def _counted() -> Iterator[None]:
    yield
    counting.tally("races", races=1)


@contextmanager
def held(told: ToldLedger, statement: str, *parameters: object) -> Iterator[psycopg.Connection]:
    """Hold the locks of a statement until the block ends."""
    connection = told.database.connect("recorder", autocommit=False)
    connection.execute(statement.encode(), parameters or None)
    try:
        yield connection
    finally:
        connection.rollback()


def assert_holds(told: ToldLedger) -> None:
    """Check all invariants of the ledger."""
    with connect(DatabaseSettings(**told.database.settings("reader"))) as connection:
        assert [check for check in verify(connection) if not check.holds] == []


def test_two_first_fills_of_one_order_at_the_same_instant_both_count(
    two: tuple[ToldLedger, ToldLedger],
) -> None:
    one, other = two
    with one.database.connect("recorder", autocommit=False) as first:
        # The first recorder is stopped after its facts and its order, before it commits.
        send_batch(first, batch_of(fill(A, "t1")))
        with running(lambda: other.tell(fill(A, "t2"))):
            wait_until_blocked(one.database)
            first.commit()
    assert one.order(A)["filled_quantity"] == 2
    assert_holds(one)


def test_two_versions_of_one_fill_at_the_same_instant_are_a_conflict(
    two: tuple[ToldLedger, ToldLedger],
) -> None:
    one, other = two
    with one.database.connect("recorder", autocommit=False) as first:
        send_batch(first, batch_of(fill(A, "t1", quantity="1")))
        with running(lambda: other.tell(fill(A, "t1", quantity="2"))):
            wait_until_blocked(one.database)
            first.commit()
    assert one.database.rows("SELECT order_id, fill_id, versions FROM fill_conflicts") == [(A, "t1", 2)]
    assert one.order(A)["filled_quantity"] == 2
    assert_holds(one)


def test_a_signal_and_its_fill_that_commit_at_the_same_instant_meet(
    two: tuple[ToldLedger, ToldLedger],
) -> None:
    one, other = two
    with (
        held(one, "LOCK TABLE trade_records IN EXCLUSIVE MODE") as gate,
        running(lambda: one.tell(fill(A, client_order_id=KEY))),
        running(lambda: other.tell(SIGNAL)),
    ):
        wait_until_blocked(one.database, 2)
        gate.rollback()
    assert one.link(A) is not None
    assert_holds(one)


def test_the_second_steps_of_a_signal_and_a_fill_wait_for_each_other(
    two: tuple[ToldLedger, ToldLedger],
) -> None:
    one, other = two
    touched_by_fill = one.ledger.record(batch_of(fill(A, client_order_id=KEY))).touched
    with one.database.connect("recorder", autocommit=False) as stale:
        # This step has locked the order and seen no signal; it will find nothing to link.
        stale.execute(LOCK_RELATED, {"orders": sorted(touched_by_fill.order_ids), "keys": []})
        assert stale.execute(RESOLVE_LINKS).fetchall() != []
        with running(lambda: other.tell(SIGNAL)) as resolved:
            wait_until_blocked(one.database)
            stale.commit()
    assert [made.order_id for made in resolved[0].made] == [A]
    assert one.link(A) is not None


def test_a_parent_and_its_child_that_commit_at_the_same_instant_meet(
    two: tuple[ToldLedger, ToldLedger],
) -> None:
    one, other = two
    one.tell(SIGNAL)
    parent = order(A, "filled", client_order_id=KEY)
    child = order(B, "filled", side="sell", parent_order_id=A, trigger="stop_loss")
    with (
        held(one, "LOCK TABLE trade_records IN EXCLUSIVE MODE") as gate,
        running(lambda: one.tell(parent)),
        running(lambda: other.tell(child)),
    ):
        wait_until_blocked(one.database, 2)
        gate.rollback()
    assert (one.link(B) or {})["method"] == "parent"
    assert_holds(one)


def test_an_order_and_the_one_that_replaces_it_that_commit_at_the_same_instant_meet(
    two: tuple[ToldLedger, ToldLedger],
) -> None:
    one, other = two
    one.tell(SIGNAL)
    replaced = order(A, "cancelled", client_order_id=KEY)
    with (
        held(one, "LOCK TABLE trade_records IN EXCLUSIVE MODE") as gate,
        running(lambda: one.tell(replaced)),
        running(lambda: other.tell(fill(B, replaces_order_id=A))),
    ):
        wait_until_blocked(one.database, 2)
        gate.rollback()
    assert (one.link(B) or {})["method"] == "replaced"
    assert_holds(one)


def test_a_bot_and_a_signal_of_it_that_commit_at_the_same_instant_meet(
    two: tuple[ToldLedger, ToldLedger],
) -> None:
    one, other = two
    one.tell(fill(A, client_order_id="entry-1"))
    switch = '{"changed_at": "2026-11-22T18:00:00Z", "enabled": true}'
    registration = replace(batch_of(a_bot("grid1")), switches=[switch])
    with (
        # The first step of the registration waits after its bot; until it commits the key is nobody's.
        held(one, "INSERT INTO switch_intervals VALUES ('2026-11-22T18:00Z', true)") as gate,
        running(lambda: one.ledger.resolve(one.ledger.record(registration).touched)),
    ):
        wait_until_blocked(one.database)
        other.tell(signal("entry-1", bot="grid1")[1])
        assert one.link(A) is None
        gate.rollback()
    assert one.link(A) is not None
    assert_holds(one)


def test_four_recorders_redelivering_the_same_batches_lose_nothing(ledger_database: LedgerDatabase) -> None:
    """Four threads with connections of their own tell the same facts, cut differently and in other orders,
    twice each. What is left is what one recorder makes of them, and every deadlock was retried."""
    recorders = [ToldLedger.open(ledger_database) for _ in range(4)]
    signals = [signal(our_key(number))[1] for number in range(10)]
    fills = [
        fill(native_id(number // 6), f"t{number}", client_order_id=our_key(number // 6))
        for number in range(60)
    ]
    told: list[Any] = [*signals, *fills]
    at_once = threading.Barrier(len(recorders))

    def deliver(number: int) -> None:
        mixed = random.Random(number)
        for _ in ("delivery", "redelivery"):
            facts = mixed.sample(told, len(told))
            size = mixed.choice((5, 9, 20))
            for start in range(0, len(facts), size):
                if start == 0:
                    at_once.wait(timeout=60)
                recorders[number].tell(*facts[start : start + size])

    with ExitStack() as stack:
        for number in range(len(recorders)):
            stack.enter_context(running(partial(deliver, number)))
    one = recorders[0]
    assert one.database.rows("SELECT count(*) FROM fills") == [(60,)]
    assert one.database.rows(
        "SELECT count(*), sum(filled_quantity), min(fill_count), max(fill_count) FROM trade_records"
    ) == [(10, 60, 6, 6)]
    assert one.database.rows("SELECT count(*) FROM trade_strategy_link") == [(10,)]
    assert_holds(one)
    for recorder in recorders:
        recorder.close()


def test_a_deadlock_between_two_recorders_is_retried_and_counted(two: tuple[ToldLedger, ToldLedger]) -> None:
    one, other = two
    one.tell(fill(A, "t0"), fill(B, "t0"))
    with psycopg.connect(one.database.server.dsn(database=one.database.name)) as rival:
        # A session that locks in the other order: whoever waits longest is told so by the server.
        rival.execute("SET deadlock_timeout = '1h'")
        rival.execute("SELECT FROM trade_records WHERE order_id = %s FOR UPDATE", [max(A, B)])
        with running(lambda: other.tell(fill(A, "t1"), fill(B, "t1"))):
            wait_until_blocked(one.database)
            rival.execute("SELECT FROM trade_records WHERE order_id = %s FOR UPDATE", [min(A, B)])
            rival.commit()
    assert other.ledger.deadlocks == 1
    assert [one.order(each)["filled_quantity"] for each in (A, B)] == [2, 2]
    assert_holds(one)


def test_a_step_that_meets_a_deadlock_is_begun_anew_and_counted(told: ToldLedger) -> None:
    met: list[int] = []

    def work(connection: psycopg.Connection[Any]) -> int:
        met.append(1)
        if len(met) == 1:
            raise errors.DeadlockDetected
        return len(connection.execute("SELECT 7").fetchall())

    assert told.ledger.connection.run(work) == 1
    assert told.ledger.deadlocks == 1


def test_a_crash_between_the_steps_is_repaired_by_the_next_delivery(told: ToldLedger) -> None:
    told.tell(SIGNAL)
    told.ledger.record(batch_of(fill(A, client_order_id=KEY)))
    assert told.link(A) is None
    told.tell(fill(A, client_order_id=KEY))
    assert told.link(A) is not None


def test_a_crash_inside_the_first_step_leaves_nothing(told: ToldLedger) -> None:
    with told.database.connect("recorder", autocommit=False) as crashing:
        send_batch(crashing, batch_of(fill(A)))
        crashing.rollback()
    assert told.database.rows("SELECT count(*) FROM fills") == [(0,)]
    assert told.ledger.record(FactBatch()).new_facts == 0
    told.tell(fill(A))
    assert told.order(A)["filled_quantity"] == 1
