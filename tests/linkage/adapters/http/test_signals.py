"""Our own posts: signed so that the reference library accepts them, retried without a second effect."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
from standardwebhooks.webhooks import Webhook

from linkage.adapters.http.signals import HttpSignalSink
from linkage.domain.errors import DeliveryError, RefusedError
from linkage.runtime.observability import SystemClock
from tests.support.events import our_key
from tests.support.webhook import FakeKeys, Receiver, listening

BODY = {"client_order_id": our_key(1), "symbol": "BTC-USD", "note": "é"}
STORED = (200, b'{"outcome":"stored"}')


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as receiver:
        yield receiver


def _sink(
    receiver: Receiver, keys: FakeKeys | None = None, pauses: list[float] | None = None
) -> HttpSignalSink:
    noted = [] if pauses is None else pauses
    return HttpSignalSink(
        receiver.url, keys or FakeKeys(), SystemClock(), timeout_seconds=2, pause=noted.append
    )


def test_the_reference_library_accepts_what_we_sign(receiver: Receiver) -> None:
    receiver.answers = [STORED]
    assert _sink(receiver).post(BODY).outcome == "stored"
    ((headers, body),) = receiver.requests
    assert Webhook(base64.b64encode(b"k" * 48).decode()).verify(body, dict(headers)) == json.loads(body)
    assert headers["webhook-id"] == our_key(1)


def test_our_posts_have_a_route_of_their_own(receiver: Receiver) -> None:
    _sink(receiver).post(BODY)
    assert receiver.paths == ["/v1/sighook/signals"]


def test_every_key_signs_so_that_a_receiver_may_lag(receiver: Receiver) -> None:
    _sink(receiver, FakeKeys((b"n" * 48, b"k" * 48))).post(BODY)
    ((headers, body),) = receiver.requests
    for key in (b"n", b"k"):
        Webhook(base64.b64encode(key * 48).decode()).verify(body, dict(headers))


def test_a_repeat_and_a_conflict_are_told_apart(receiver: Receiver) -> None:
    receiver.answers = [(200, b'{"outcome":"repeated"}'), (409, b"{}")]
    assert _sink(receiver).post(BODY).outcome == "repeated"
    assert _sink(receiver).post(BODY).outcome == "conflict"


def test_a_retry_has_the_same_id_and_body(receiver: Receiver) -> None:
    receiver.answers = [(503, b""), (0, b""), (429, b""), (500, b""), STORED]
    pauses: list[float] = []
    assert _sink(receiver, pauses=pauses).post(BODY).outcome == "stored"
    assert len(receiver) == 5
    assert len({(headers["webhook-id"], body) for headers, body in receiver.requests}) == 1
    assert pauses == [0.2, 0.4, 0.8, 1.6]


def test_after_all_attempts_there_is_no_answer(receiver: Receiver) -> None:
    receiver.answers = [(503, b"")] * 5
    with pytest.raises(DeliveryError, match="503"):
        _sink(receiver).post(BODY)
    assert len(receiver) == 5


def test_nobody_listening_is_no_answer() -> None:
    with listening() as gone:
        pass
    with pytest.raises(DeliveryError):
        _sink(gone).post(BODY)


def test_a_refusal_is_final_and_says_which_field(receiver: Receiver) -> None:
    receiver.answers = [(422, b'{"field":"side","detail":"Input should be buy or sell"}')]
    with pytest.raises(RefusedError, match="side: Input") as caught:
        _sink(receiver).post(BODY)
    assert caught.value.status_code == 422
    assert len(receiver) == 1


def test_a_401_is_tried_again_with_new_keys_if_there_are_any(receiver: Receiver) -> None:
    receiver.answers = [(401, b"{}"), STORED]
    keys = FakeKeys((b"o" * 48,), next_keys=(b"k" * 48,))
    assert _sink(receiver, keys).post(BODY).outcome == "stored"
    headers, body = receiver.requests[1]
    Webhook(base64.b64encode(b"k" * 48).decode()).verify(body, dict(headers))
    receiver.answers = [(401, b"{}")]
    with pytest.raises(RefusedError):
        _sink(receiver).post(BODY)


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answers = [(307, b"")]
    receiver.headers = {"location": receiver.url + "/elsewhere"}
    with pytest.raises(RefusedError):
        _sink(receiver).post(BODY)
    assert len(receiver) == 1
