"""Dead letters come back by themselves once the database answers, and not for ever.

The queue is the emulator's; the recorder in front of it fails while its database is away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from functions.redrive import dependencies, handler, service
from functions.redrive.service import Ports, Redriven
from linkage.adapters.aws.sqs_events import SqsDeadLetters
from linkage.domain.errors import LedgerUnavailableError
from linkage.domain.facts import Window
from linkage.runtime import aws
from linkage.runtime.dependencies import reset
from tests.support.clock import FrozenClock
from tests.support.events import NOW
from tests.support.queue import EventSourceMapping, SqsClient, SqsQueue, new_queue

MOST_REDRIVES = 3
QUARTER = timedelta(minutes=15)


@dataclass
class Reader:
    """A ledger's read side that answers or does not, and counts how often it was asked."""

    answers: bool = True
    asked: list[Window] = field(default_factory=list)

    def rates(self, window: Window) -> Mapping[str, object]:
        """See ``ports.reader.LedgerReader``."""
        self.asked.append(window)
        if not self.answers:
            raise LedgerUnavailableError("away")
        return {}

    def report(
        self, window: Window, *, by: Sequence[str] | None = None, verdicts: bool = False
    ) -> Mapping[str, object]:
        """Nobody asks."""
        raise NotImplementedError

    def trace(self, identifier: str) -> Mapping[str, object] | None:
        """Nobody asks."""
        raise NotImplementedError


@dataclass
class Outage:
    """A fills queue whose recorder succeeds when the database takes writes."""

    writes: bool = False
    reader: Reader = field(default_factory=Reader)
    queue: SqsQueue = field(default_factory=lambda: new_queue(start=NOW))
    recorded: list[str] = field(default_factory=list)
    runs: list[Redriven] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.mapping = EventSourceMapping(self.queue, self._record, seed=1)

    def _record(self, event: dict[str, Any]) -> dict[str, Any]:
        if self.writes:
            self.recorded += [record["body"] for record in event["Records"]]
            return {"batchItemFailures": []}
        return {"batchItemFailures": [{"itemIdentifier": one["messageId"]} for one in event["Records"]]}

    @property
    def dead(self) -> SqsQueue:
        assert self.queue.dead_letters is not None
        return self.queue.dead_letters

    def redrive(self) -> Redriven:
        letters = SqsDeadLetters(self.dead.name, self.queue.name, SqsClient.of(self.queue))
        ports = Ports(letters, self.reader, FrozenClock(self.queue.now))
        self.runs.append(service.redrive(ports, most_redrives=MOST_REDRIVES))
        return self.runs[-1]

    def pass_by(self, time: timedelta) -> None:
        """Let time pass; the recorder is tried all the while, dead letters each quarter of an hour."""
        for _ in range(time // QUARTER):
            for _ in range(3):
                while self.mapping.step():
                    pass
                self.queue.advance(QUARTER / 3)
            self.redrive()


def test_without_dead_letters_nobody_is_asked() -> None:
    outage = Outage()
    assert outage.redrive() == Redriven()
    assert outage.reader.asked == []


def test_nothing_is_moved_while_the_database_is_away_and_everything_once_it_answers() -> None:
    outage = Outage(reader=Reader(answers=False))
    bodies = [f"fill {number}" for number in range(25)]
    for body in bodies:
        outage.queue.send(body)
    outage.pass_by(timedelta(days=3))
    assert (len(outage.queue), len(outage.dead)) == (0, 25)
    assert outage.runs[-1] == Redriven(25, ledger_answers=False)
    assert sum(run.moved for run in outage.runs) == 0
    outage.reader.answers = outage.writes = True
    assert outage.redrive() == Redriven(25, moved=25)
    outage.mapping.drain()
    assert sorted(outage.recorded) == sorted(bodies)
    assert len(outage.dead) == 0
    assert outage.redrive() == Redriven()


def test_a_message_that_fails_again_is_moved_three_times_then_it_stays_to_be_seen() -> None:
    outage = Outage()  # the database answers questions and takes no writes
    outage.queue.send("fill")
    outage.pass_by(timedelta(days=4))
    assert sum(run.moved for run in outage.runs) == MOST_REDRIVES
    assert outage.mapping.deliveries == 50 * (1 + MOST_REDRIVES)
    assert outage.runs[-1] == Redriven(1, left=1)
    assert (len(outage.queue), len(outage.dead)) == (0, 1)
    (letter,) = outage.dead.messages.values()
    assert letter.first_sent - NOW < timedelta(days=2)


def test_what_stays_is_kept_for_fourteen_days_from_its_last_move() -> None:
    outage = Outage()
    outage.queue.send("fill")
    outage.pass_by(timedelta(days=2))
    (letter,) = outage.dead.messages.values()
    outage.dead.advance(timedelta(days=14) - (outage.dead.now - letter.first_sent))
    assert len(outage.dead) == 1
    outage.dead.advance(timedelta(seconds=1))
    assert outage.dead.expired == [letter]


def test_an_operator_moves_what_stayed_and_it_counts_anew() -> None:
    outage = Outage()
    outage.queue.send("fill")
    outage.pass_by(timedelta(days=2))
    outage.dead.advance(QUARTER)
    letters = SqsDeadLetters(outage.dead.name, outage.queue.name, SqsClient.of(outage.queue))
    assert letters.move().moved == 1
    (copy,) = outage.queue.messages.values()
    assert copy.attributes == {}
    outage.writes = True
    outage.mapping.drain()
    assert outage.recorded == ["fill"]


def test_a_letter_that_stays_holds_up_no_other() -> None:
    outage = Outage()
    outage.queue.send("old")
    outage.pass_by(timedelta(days=2))
    outage.dead.advance(QUARTER)
    outage.dead.send("new")
    assert outage.redrive() == Redriven(2, moved=1, left=1)


def test_a_run_looks_at_so_many_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "REDRIVE_LETTERS", 20)
    outage = Outage()
    for number in range(25):
        outage.dead.send(f"fill {number}")
    assert [outage.redrive(), outage.redrive()] == [Redriven(25, moved=20), Redriven(5, moved=5)]


def test_the_function_says_what_it_left_and_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outage = Outage()
    for name, value in {
        "STAGE": "test",
        "FILLS_QUEUE_URL": outage.queue.name,
        "FILLS_DLQ_URL": outage.dead.name,
        "READ_LEDGER_FUNCTION": "read-ledger",
    }.items():
        monkeypatch.setenv(f"LINKAGE_{name}", value)
    clients: Mapping[str, object] = {"sqs": SqsClient.of(outage.queue), "lambda": object()}
    monkeypatch.setattr(aws, "client", lambda service, **_limits: clients[service])
    monkeypatch.setattr(dependencies, "LambdaLedgerReader", lambda _function, _client: outage.reader)
    reset()
    try:
        quiet = handler.redrive({}, None)
        assert (quiet, capsys.readouterr().out) == (
            {"waiting": 0, "moved": 0, "left": 0, "ledger_answers": True},
            "",
        )
        outage.dead.send("fill")
        outage.reader.answers = False
        assert handler.redrive({}, None)["ledger_answers"] is False
        assert "Dead letters left" in capsys.readouterr().out
        outage.reader.answers = True
        assert handler.redrive({}, None)["moved"] == 1
        assert "Dead letters moved" in capsys.readouterr().out
    finally:
        reset()
