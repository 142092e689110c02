"""The queue emulator itself behaves as AWS documents SQS and its event-source mapping."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from tests.support.queue import CrashError, EventSourceMapping, new_queue, shortest


def accept(_event: dict[str, Any]) -> None:
    return None


def test_a_handler_that_returns_nothing_acknowledges_its_batch() -> None:
    queue = new_queue()
    for number in range(25):
        queue.send(str(number))
    EventSourceMapping(queue, accept, seed=1).drain()
    assert len(queue) == 0


def test_one_seed_gives_one_history_and_another_seed_another() -> None:
    def history(seed: int) -> list[list[str]]:
        queue = new_queue()
        for number in range(40):
            queue.send(str(number))
        mapping = EventSourceMapping(queue, accept, seed=seed, duplicate_rate=0.3)
        mapping.drain()
        return mapping.history

    assert history(3) == history(3)
    assert history(3) != history(4)


def test_messages_are_reordered_and_delivered_more_than_once() -> None:
    queue = new_queue()
    sent = [queue.send(str(number)) for number in range(100)]
    mapping = EventSourceMapping(queue, accept, seed=5, duplicate_rate=0.3)
    mapping.drain()
    seen = list(itertools.chain.from_iterable(mapping.history))
    assert set(seen) == set(sent)
    assert len(seen) == len(sent) + mapping.duplicates > len(sent)
    assert [message for index, message in enumerate(seen) if message not in seen[:index]] != sent


def test_only_the_named_messages_come_again_and_only_after_the_visibility_timeout() -> None:
    queue = new_queue()
    good, bad = queue.send("good"), queue.send("bad")

    def handler(event: dict[str, Any]) -> Mapping[str, Any]:
        failed = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
        return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}

    mapping = EventSourceMapping(queue, handler, seed=1)
    while mapping.step():
        pass
    assert good not in queue.messages
    assert bad in queue.messages
    assert mapping.step() == 0
    queue.advance(queue.visibility_timeout)
    assert mapping.step() == 1
    assert queue.messages[bad].receive_count == 2


@pytest.mark.parametrize(
    "response", [{"batchItemFailures": [{"itemIdentifier": ""}]}, {"batchItemFailures": [{}]}]
)
def test_a_malformed_response_keeps_the_whole_batch(response: Mapping[str, Any]) -> None:
    queue = new_queue()
    queue.send("a")
    EventSourceMapping(queue, lambda _event: response, seed=1).step()
    assert len(queue) == 1


@pytest.mark.parametrize("error", [RuntimeError("x"), CrashError()])
def test_an_exception_or_a_crash_keeps_the_whole_batch(error: BaseException) -> None:
    queue = new_queue()
    queue.send("a")

    def handler(_event: dict[str, Any]) -> None:
        raise error

    EventSourceMapping(queue, handler, seed=1).step()
    assert len(queue) == 1


def test_a_message_received_too_often_goes_to_the_dead_letters_and_comes_back_with_a_redrive() -> None:
    queue = new_queue(max_receive_count=3)
    queue.send("poison")
    mapping = EventSourceMapping(queue, _raise, seed=1)
    for _ in range(4):
        mapping.step()
        queue.advance(queue.visibility_timeout)
    assert mapping.deliveries == 3
    assert len(queue) == 0
    assert queue.dead_letters is not None
    assert len(queue.dead_letters) == 1
    assert queue.redrive() == 1
    mapping.handler = accept
    mapping.drain()
    assert len(queue) == 0


def test_dead_letters_are_kept_for_fourteen_days_from_the_first_enqueue() -> None:
    queue = new_queue(max_receive_count=1)
    queue.send("poison")
    mapping = EventSourceMapping(queue, _raise, seed=1)
    queue.advance(timedelta(days=3))
    mapping.step()
    queue.advance(queue.visibility_timeout)
    mapping.step()
    assert queue.dead_letters is not None
    queue.advance(timedelta(days=10, hours=23))
    assert len(queue.dead_letters) == 1
    queue.advance(timedelta(hours=1))
    assert len(queue.dead_letters) == 0
    assert len(queue.dead_letters.expired) == 1


def test_a_failing_history_is_cut_down_to_what_makes_it_fail() -> None:
    def fails(history: Sequence[int]) -> bool:
        return 17 in history and 42 in history

    assert shortest(range(100), fails) == [17, 42]


def _raise(_event: dict[str, Any]) -> None:
    raise RuntimeError("away")
