"""Passing a post on: unchanged, once, never to another place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from linkage.adapters.http.forwarder import HttpForwarder
from linkage.domain.errors import DeliveryError, NotSentError, RefusedError
from tests.support.webhook import Receiver, listening

BODY = b'{"pair": "AVNT-USD",   "order_amount_fiat": 20.0}\n'


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as receiver:
        yield receiver


def test_body_and_headers_arrive_as_they_were(receiver: Receiver) -> None:
    headers = {"content-type": "application/json", "authorization": "Bearer x"}
    HttpForwarder(timeout_seconds=2).forward(receiver.url + "/webhook", BODY, headers)
    ((got, body),) = receiver.requests
    assert body == BODY
    assert headers.items() <= got.items()


@pytest.mark.parametrize("status", [408, 425, 429, 503])
def test_a_receiver_that_asks_for_a_later_post_did_not_take_this_one(receiver: Receiver, status: int) -> None:
    receiver.answers = [(status, b"")]
    with pytest.raises(NotSentError):
        HttpForwarder(timeout_seconds=2).forward(receiver.url, BODY, {})
    assert len(receiver) == 1


@pytest.mark.parametrize("status", [500, 502, 504, 0])
def test_a_receiver_that_failed_on_its_way_may_have_taken_it(receiver: Receiver, status: int) -> None:
    receiver.answers = [(status, b"")]
    with pytest.raises(DeliveryError) as caught:
        HttpForwarder(timeout_seconds=2).forward(receiver.url, BODY, {})
    assert not isinstance(caught.value, NotSentError)
    assert len(receiver) == 1


def test_a_receiver_that_answers_too_late_may_have_taken_it(receiver: Receiver) -> None:
    receiver.seconds = 0.5
    with pytest.raises(DeliveryError) as caught:
        HttpForwarder(timeout_seconds=0.2).forward(receiver.url, BODY, {})
    assert not isinstance(caught.value, NotSentError)


def test_a_connection_that_the_receiver_closed_meanwhile_costs_nothing(receiver: Receiver) -> None:
    forwarder = HttpForwarder(timeout_seconds=2)
    for _ in range(3):
        forwarder.forward(receiver.url, BODY, {})
    assert len({headers["from-port"] for headers, _ in receiver.requests}) == 3


@pytest.mark.parametrize("status", [301, 307, 400, 403, 404])
def test_a_receiver_that_refuses_is_not_asked_again_nor_elsewhere(receiver: Receiver, status: int) -> None:
    receiver.answers = [(status, b"")]
    receiver.headers = {"location": receiver.url + "/elsewhere"}
    with pytest.raises(RefusedError) as caught:
        HttpForwarder(timeout_seconds=2).forward(receiver.url, BODY, {})
    assert caught.value.status_code == status
    assert len(receiver) == 1


def test_where_nobody_listens_nothing_was_sent() -> None:
    with listening() as gone:
        pass
    with pytest.raises(NotSentError):
        HttpForwarder(timeout_seconds=0.5).forward(gone.url, BODY, {})
