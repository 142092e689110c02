"""A reader who follows a fill or a signal opens few files, each once, and finds them in the docs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.recorder import handler as recorder
from functions.webhook import handler as webhook
from linkage.runtime.observability import SystemClock
from tests.scenarios.world import World
from tests.support.dynamodb import moto_account
from tests.support.events import SNAPSHOT_A, fill, native_id, our_key, sqs_event
from tests.support.ledger import LedgerDatabase
from tests.support.paths import ROOT, Way, traced

PAGE = ROOT / "docs" / "architecture.md"
MACHINE_CLOCK = SystemClock.now


@pytest.fixture
def world(ledger_database: LedgerDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A deployment on the machine's clock, whose functions are warm, with two signals stored and archived."""
    with moto_account():
        world = World.create(ledger_database, monkeypatch)
        monkeypatch.setattr(SystemClock, "now", MACHINE_CLOCK)
        monkeypatch.setattr(world, "clock", SystemClock())
        for number in (1, 2):
            assert world.signal(our_key(number), snapshot_id=SNAPSHOT_A) == 200
        world.stream()
        assert world.fills(fill(native_id(1), client_order_id=our_key(1))) == []
        yield world
        world.close()


def followed_fill(world: World) -> Way:
    """Serve a batch of one fill whose signal is archived."""
    event = sqs_event(fill(native_id(2), client_order_id=our_key(2)))
    with traced() as way:
        assert recorder.record_fills(event, None) == {"batchItemFailures": []}
    assert native_id(2) in world.links()
    return way


def followed_signal(world: World, monkeypatch: pytest.MonkeyPatch) -> Way:
    """Post a signal of our own strategy, signed."""
    ways: list[Way] = []
    receive = webhook.receive

    def follow(event: dict[str, object], context: object) -> webhook.Reply:
        with traced() as way:
            reply = receive(event, context)
        ways.append(way)
        return reply

    monkeypatch.setattr(webhook, "receive", follow)
    assert world.signal(our_key(3), snapshot_id=SNAPSHOT_A) == 200
    (way,) = ways
    return way


def test_a_fill_runs_through_ten_files_at_most_from_the_handler_to_the_ledger(world: World) -> None:
    way = followed_fill(world)
    print("\n".join(["a fill:", *way.files]))
    assert len(way.files) <= 10, way.files
    assert_one_direction(way, "functions/recorder/")
    assert documented("A fill") == way.files


def test_a_signal_runs_through_fourteen_files_at_most_from_the_handler_to_the_table(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = followed_signal(world, monkeypatch)
    print("\n".join(["a signal:", *way.files]))
    assert len(way.files) <= 14, way.files
    assert_one_direction(way, "functions/webhook/")
    assert documented("A signal") == way.files


def assert_one_direction(way: Way, folder: str) -> None:
    """No file of the function but its service is entered twice, and nothing below them calls them back.

    Below the service are tools, and a tool is there to be used again: the clock, the ledger's two steps.
    """
    times = way.times_entered(folder)
    again = {file for file, number in times.items() if number > 1}
    assert again <= {f"{folder}service.py"}, times
    assert way.calls_back(folder) == set()
    assert set(way.times_entered("functions/")) == set(times)


def documented(title: str) -> list[str]:
    """Return the files of a way as the architecture page has them: in back quotes, in their order."""
    lines = Path(PAGE).read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"**{title}**")]
    return line.split("`")[1::2]
