"""One effect, whatever becomes of an invocation: frozen, overtaken and thawed, its database killed or hung.

The moments are forced: an invocation stops exactly where a test wants it, and goes on when the test says so.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from functions.recorder import dependencies
from linkage.adapters.postgres import connection as postgres
from linkage.adapters.postgres.connection import LedgerConnection
from linkage.adapters.postgres.ledger import PostgresLedger
from tests.proofs.counting import tally
from tests.scenarios.conftest import NewWorld
from tests.scenarios.world import World
from tests.support.concurrency import running, wait_until_blocked
from tests.support.crashes import POINTS, Crashes
from tests.support.events import SNAPSHOT_A, fill, native_id, order, our_key, sqs_event
from tests.support.queue import CrashError

DEADLINE = float(os.environ.get("LINKAGE_PROOF_DEADLINE", "1"))
"""Seconds until a recorder gives the database up; 5 in the cloud and in the full proof."""

PATIENT = 60.0

KEY, PARENT, CHILD = our_key(1), native_id(1), native_id(2)
OF_CHILD = {"side": "sell", "parent_order_id": PARENT}
PLACED = order(PARENT, "open", client_order_id=KEY)
BATCH = [
    order(PARENT, "filled", client_order_id=KEY),
    fill(PARENT, "t1", client_order_id=KEY),
    order(CHILD, "filled", trigger="stop_loss", **OF_CHILD),
    fill(CHILD, "t2", **OF_CHILD),
]
LATER = [fill(PARENT, "t1b", quantity="2"), fill(CHILD, "t2b", quantity="2", **OF_CHILD)]
INSIDE = ("inside record", "inside resolve")


@dataclass
class Recorders:
    """A recorder for each thread, as each invocation in flight has a process of its own."""

    world: World
    connects: int = 0
    _of_thread: threading.local = field(default_factory=threading.local)
    _all: list[LedgerConnection] = field(default_factory=list)

    def connection(self) -> LedgerConnection:
        """Return the calling thread's connection."""
        if not hasattr(self._of_thread, "connection"):
            self._of_thread.connection = LedgerConnection(dependencies.settings(), deadline_seconds=DEADLINE)
            self._all.append(self._of_thread.connection)
        connection: LedgerConnection = self._of_thread.connection
        return connection

    def install(self, environment: pytest.MonkeyPatch) -> None:
        """Let the handler use them, and count how often one connects."""
        shared, connect = dependencies.ports(), postgres.connect

        def counting(*arguments: Any, **options: Any) -> Any:
            self.connects += 1
            return connect(*arguments, **options)

        environment.setattr(postgres, "connect", counting)
        environment.setattr(dependencies, "connection", self.connection)
        environment.setattr(dependencies, "ledger", lambda: PostgresLedger(self.connection()))
        environment.setattr(
            dependencies, "ports", lambda: replace(shared, ledger=PostgresLedger(self.connection()))
        )

    def close(self) -> None:
        """Disconnect them all."""
        for connection in self._all:
            connection.close()

    def deliver(self, events: list[dict[str, Any]]) -> list[str]:
        """Serve an invocation in this thread; afterwards no transaction of its is open."""
        failed = [
            item["itemIdentifier"] for item in self.world.record(sqs_event(*events))["batchItemFailures"]
        ]
        open_connection = self.connection()._connection
        if open_connection is not None:
            pid = open_connection.info.backend_pid
            state = "SELECT state FROM pg_stat_activity WHERE pid = %s"
            assert self.world.rows(state, pid) in ([("idle",)], [])  # none, when the server ended it
        return failed


@pytest.fixture(scope="module")
def known() -> dict[str, dict[str, list[str]]]:
    """The tables of a world in which nothing happened, by what was delivered there."""
    return {}


@pytest.fixture
def recorders(
    new_world: NewWorld, known: dict[str, dict[str, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Recorders]:
    """Recorders of a world in which the signal is archived and its order placed."""
    if not known:
        for name, events in (("batch", BATCH), ("later", [*BATCH, *LATER])):
            undisturbed = begun(new_world())
            assert undisturbed.fills(*events) == []
            assert len(undisturbed.links()) == 2
            known[name] = undisturbed.derived()
    built = Recorders(begun(new_world()))
    with monkeypatch.context() as patched:
        built.install(patched)
        assert built.deliver([PLACED]) == []
        yield built
        built.close()


def begun(world: World) -> World:
    """Archive the signal and record that its order was placed."""
    world.signal(KEY, snapshot_id=SNAPSHOT_A)
    world.stream()
    assert world.fills(PLACED) == []
    return world


@contextmanager
def at(point: str, act: Callable[[], bool], environment: pytest.MonkeyPatch) -> Iterator[Crashes]:
    """Do something the first time that this thread, or one that begins now, passes a point."""
    once = [act]
    crashes = Crashes(lambda passed: passed == point and bool(once) and once.pop()())
    with environment.context() as patched:
        crashes.install(patched)
        yield crashes
    assert not once, f"nothing passed {point!r}"


@pytest.mark.parametrize("end", ["succeeds", "loses its session", "dies"])
@pytest.mark.parametrize("point", POINTS)
def test_an_invocation_that_is_overtaken_while_it_is_frozen_has_no_second_effect(
    recorders: Recorders,
    known: dict[str, dict[str, list[str]]],
    monkeypatch: pytest.MonkeyPatch,
    point: str,
    end: str,
) -> None:
    world = recorders.world
    with frozen(recorders, point, end, monkeypatch) as thaw:
        # The visibility time-out is over: another invocation gets the batch, and one that came later.
        if point in INSIDE:
            # Whoever freezes inside a transaction keeps its orders locked: the other waits for it.
            with running(lambda: recorders.deliver([*BATCH, *LATER])) as overtaking:
                wait_until_blocked(world.database)
                thaw()
        else:
            overtaking = [recorders.deliver(BATCH), recorders.deliver(LATER)]
    assert overtaking == [[]] * len(overtaking)
    assert world.count("fills") == 4
    assert world.count("trade_strategy_link_history") == 0
    assert world.derived() == known["later"]
    tally("invocations", frozen=1)


@pytest.mark.parametrize("point", INSIDE)
def test_an_invocation_that_sleeps_too_long_inside_its_transaction_fails_late_and_comes_again(
    recorders: Recorders,
    known: dict[str, dict[str, list[str]]],
    monkeypatch: pytest.MonkeyPatch,
    point: str,
) -> None:
    with frozen(recorders, point, "fails", monkeypatch):
        assert len(recorders.deliver(BATCH)) == len(BATCH)
        assert len(recorders.deliver(LATER)) == len(LATER)
    # What was given up may be committed all the same, once the lock is gone; it is told again anyway.
    assert recorders.deliver(BATCH) == []
    assert recorders.deliver(LATER) == []
    assert recorders.world.derived() == known["later"]
    tally("invocations", frozen=1)


@contextmanager
def frozen(
    recorders: Recorders, point: str, end: str, environment: pytest.MonkeyPatch
) -> Iterator[Callable[[], None]]:
    """Freeze an invocation at a point, and thaw it at the end of the block if not before; it ends as told."""
    asleep, awake = threading.Event(), threading.Event()

    def freeze() -> bool:
        asleep.set()
        assert awake.wait(60)
        if end == "loses its session":
            terminate(recorders.world, recorders.connection())
        return end == "dies"

    def invocation() -> object:
        try:
            return recorders.deliver(BATCH)
        except CrashError:
            return "dead"

    with at(point, freeze, environment), running(invocation) as replies:
        assert asleep.wait(60)
        try:
            yield awake.set
        finally:
            awake.set()
    everything = [f"message-{number}" for number in range(len(BATCH))]
    assert replies == [{"dies": "dead", "fails": everything}.get(end, [])]


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_session_costs_one_reconnect_inside_the_same_invocation(
    recorders: Recorders,
    known: dict[str, dict[str, list[str]]],
    monkeypatch: pytest.MonkeyPatch,
    point: str,
) -> None:
    connects = recorders.connects
    with at(point, lambda: terminate(recorders.world, recorders.connection()), monkeypatch):
        assert recorders.deliver(BATCH) == []
    # What dies after the last statement is noticed by the next invocation.
    assert recorders.deliver(BATCH) == []
    assert recorders.connects == connects + 1
    assert recorders.world.derived() == known["batch"]
    tally("invocations", killed=1)


@pytest.mark.parametrize("point", ["before record", "inside record", "between", "inside resolve"])
def test_a_server_that_is_restarted_in_mid_batch_costs_one_reconnect(
    recorders: Recorders, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    world, server = recorders.world, recorders.world.database.server
    recorders.connection()._deadline_seconds = PATIENT
    connects = recorders.connects

    def restart() -> bool:
        world.look_away()
        server.stop()
        server.start()
        return False

    with at(point, restart, monkeypatch):
        failed = recorders.deliver(BATCH)
    assert failed == []
    assert recorders.connects == connects + 1
    assert set(world.links()) == {PARENT, CHILD}
    tally("invocations", restarted=1)


@pytest.mark.parametrize("point", ["before record", "inside record", "between", "inside resolve"])
def test_a_server_that_hangs_is_given_up_at_the_deadline_and_the_batch_comes_again(
    recorders: Recorders, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    world = recorders.world
    stopped: list[int] = []

    def hang() -> bool:
        connection = recorders.connection()._connection
        assert connection is not None
        stopped.append(connection.info.backend_pid)
        os.kill(stopped[0], signal.SIGSTOP)
        return False

    begin = time.monotonic()
    try:
        with at(point, hang, monkeypatch):
            failed = recorders.deliver(BATCH)
        took = time.monotonic() - begin
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    assert len(failed) == len(BATCH)
    # Two pieces of work have a deadline each; only the one that hangs spends it.
    assert DEADLINE * 0.9 <= took < DEADLINE + 2
    assert recorders.deliver(BATCH) == []
    assert set(world.links()) == {PARENT, CHILD}
    tally("invocations", hung=1)


def test_orders_that_somebody_else_keeps_locked_are_given_up_at_the_deadline(recorders: Recorders) -> None:
    world = recorders.world
    with world.database.connect("recorder", autocommit=False) as other:
        other.execute("SELECT FROM trade_records FOR UPDATE")
        begin = time.monotonic()
        assert len(recorders.deliver(BATCH)) == len(BATCH)
        assert time.monotonic() - begin < DEADLINE + 2
        other.rollback()
    assert recorders.deliver(BATCH) == []
    assert set(world.links()) == {PARENT, CHILD}
    tally("invocations", locked=1)


def terminate(world: World, connection: LedgerConnection) -> bool:
    """Let the server end a recorder's session; False, because nobody died."""
    opened = connection._connection
    assert opened is not None
    world.rows("SELECT pg_terminate_backend(%s, 10000)", opened.info.backend_pid)
    return False
