"""Passing a post on: unchanged, once, never to another place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from linkage.adapters.http.forwarder import HttpForwarder
from linkage.domain.errors import DeliveryError, RefusedError
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


@pytest.mark.parametrize("status", [408, 429, 500, 503, 0])
def test_a_receiver_that_may_answer_later_is_asked_once(receiver: Receiver, status: int) -> None:
    receiver.answers = [(status, b"")]
    with pytest.raises(DeliveryError):
        HttpForwarder(timeout_seconds=2).forward(receiver.url, BODY, {})
    assert len(receiver) == 1


@pytest.mark.parametrize("status", [301, 307, 400, 403, 404])
def test_a_receiver_that_refuses_is_not_asked_again_nor_elsewhere(receiver: Receiver, status: int) -> None:
    receiver.answers = [(status, b"")]
    receiver.headers = {"location": receiver.url + "/elsewhere"}
    with pytest.raises(RefusedError) as caught:
        HttpForwarder(timeout_seconds=2).forward(receiver.url, BODY, {})
    assert caught.value.status_code == status
    assert len(receiver) == 1


def test_nobody_listening_is_no_answer() -> None:
    with listening() as gone:
        pass
    with pytest.raises(DeliveryError):
        HttpForwarder(timeout_seconds=0.5).forward(gone.url, BODY, {})
