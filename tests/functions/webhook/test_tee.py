"""The tee with a real receiver behind it, which counts, and posts that come at one moment.

Seconds are scaled: the receiver's three are 0.3 here.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from functions.webhook.forwarding import Forward, Tee, TeeTimes
from linkage.adapters.dynamodb.signals import DynamoSignalStore
from linkage.adapters.http.forwarder import HttpForwarder
from linkage.domain.facts import SignalKey
from linkage.domain.ids import BotId, ClientOrderId
from linkage.ports.store import SignalStore
from tests.proofs.counting import tally
from tests.support.clock import FrozenClock
from tests.support.dynamodb import OneCallAtATime, ShortCut, moto_table
from tests.support.fakes import FakeSignalStore
from tests.support.webhook import Receiver, listening

BODY = b'{"pair": "AVNT-USD"}'
LEASE = 60.0
AT_ONCE = 12


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as receiver:
        yield receiver


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(params=["fake", "dynamodb"])
def store(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[SignalStore]:
    if request.param == "fake":
        yield FakeSignalStore(clock)
        return
    with moto_table() as table:
        yield DynamoSignalStore(table.name, OneCallAtATime(ShortCut()), clock)


def _key(store: SignalStore, clock: FrozenClock, text: str = "k") -> SignalKey:
    key = SignalKey(BotId("matrix"), ClientOrderId(text))
    store.put_signal(key, fact="{}", meaning="m", disposition="sent", received_at=clock.now())
    return key


def _tee(store: SignalStore, clock: FrozenClock, *, timeout: float = 2.0, wait: float = 2.0) -> Tee:
    times = TeeTimes(timeout=timeout, lease=LEASE, wait=wait)
    return Tee(store, HttpForwarder(timeout_seconds=timeout, loopback=True), clock, times)


def _at_once(tee: Tee, key: SignalKey, receiver: Receiver) -> list[Forward]:
    """Return what became of posts that start at one moment."""
    meeting = threading.Barrier(AT_ONCE)

    def post(_number: int) -> Forward:
        meeting.wait(timeout=10)
        return tee.forward(key, receiver.url, BODY, {})

    with ThreadPoolExecutor(AT_ONCE) as pool:
        forwards = list(pool.map(post, range(AT_ONCE)))
    tally("tee", posts=len(forwards), arrived=len(receiver))
    return forwards


def _outcomes(forwards: list[Forward]) -> Counter[str]:
    return Counter(forward.outcome for forward in forwards)


def test_a_slow_receiver_gets_one_of_twelve_posts_and_the_others_wait_for_its_answer(
    store: SignalStore, clock: FrozenClock, receiver: Receiver
) -> None:
    receiver.seconds = 0.3
    forwards = _at_once(_tee(store, clock), _key(store, clock), receiver)
    assert len(receiver) == 1
    assert _outcomes(forwards) == {"forwarded": 1, "done before": AT_ONCE - 1}
    assert receiver.requests[0][0]["idempotency-key"] == "k"


def test_who_waits_longer_than_he_may_is_told_when_to_come_again(
    store: SignalStore, clock: FrozenClock, receiver: Receiver
) -> None:
    receiver.seconds = 0.6
    forwards = _at_once(_tee(store, clock, wait=0.1), _key(store, clock), receiver)
    assert len(receiver) == 1
    assert _outcomes(forwards) == {"forwarded": 1, "running": AT_ONCE - 1}
    assert {forward.retry_after for forward in forwards if forward.outcome == "running"} == {60}


def test_a_receiver_that_answers_after_the_time_out_gets_no_second_post_while_the_lease_runs(
    store: SignalStore, clock: FrozenClock, receiver: Receiver
) -> None:
    receiver.seconds = 0.4
    key, tee = _key(store, clock), _tee(store, clock, timeout=0.2, wait=0.1)
    forwards = _at_once(tee, key, receiver)
    for _ in range(3):
        clock.advance(timedelta(seconds=19))
        forwards.append(tee.forward(key, receiver.url, BODY, {}))
    assert len(receiver) == 1
    assert _outcomes(forwards) == {"no answer": 1, "running": AT_ONCE + 2}

    clock.advance(timedelta(seconds=3))
    receiver.seconds = 0
    assert tee.forward(key, receiver.url, BODY, {}).outcome == "forwarded"
    assert [headers["idempotency-key"] for headers, _ in receiver.requests] == ["k", "k"]


@pytest.mark.parametrize(
    ("status", "first", "others"),
    [(503, "turned away", "turned away"), (403, "refused", "refused"), (500, "no answer", "running")],
)
def test_who_waits_is_told_what_the_receiver_answered_and_forwards_nothing(
    store: SignalStore, clock: FrozenClock, receiver: Receiver, status: int, first: str, others: str
) -> None:
    receiver.seconds, receiver.answers = 0.3, [(status, b"")]
    forwards = _at_once(_tee(store, clock, wait=0.5), _key(store, clock), receiver)
    assert len(receiver) == 1
    assert _outcomes(forwards) == Counter([first] + [others] * (AT_ONCE - 1))


def test_a_crash_between_forward_and_record_repeats_a_post_once_after_the_lease(
    store: SignalStore, clock: FrozenClock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def kill(*_: Any, **__: Any) -> bool:
        raise KilledError

    key, tee = _key(store, clock), _tee(store, clock, wait=0.01)
    with monkeypatch.context() as crash:
        crash.setattr(type(store), "settle_forward", kill)
        with pytest.raises(KilledError):
            tee.forward(key, receiver.url, BODY, {})
    assert tee.forward(key, receiver.url, BODY, {}).outcome == "running"
    clock.advance(timedelta(seconds=LEASE))
    forwards = [tee.forward(key, receiver.url, BODY, {}) for _ in range(3)]
    assert _outcomes(forwards) == {"forwarded": 1, "done before": 2}
    assert [headers["idempotency-key"] for headers, _ in receiver.requests] == ["k", "k"]


def test_signals_do_not_wait_for_one_another(
    store: SignalStore, clock: FrozenClock, receiver: Receiver
) -> None:
    receiver.seconds = 0.1
    tee = _tee(store, clock)
    keys = [_key(store, clock, f"k{number}") for number in range(4)] * 3
    with ThreadPoolExecutor(AT_ONCE) as pool:
        forwards = list(pool.map(lambda key: tee.forward(key, receiver.url, BODY, {}), keys))
    assert _outcomes(forwards) == {"forwarded": 4, "done before": 8}
    assert Counter(headers["idempotency-key"] for headers, _ in receiver.requests) == Counter(
        {f"k{number}": 1 for number in range(4)}
    )
