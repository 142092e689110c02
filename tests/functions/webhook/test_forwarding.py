"""The existing bot's posts: stored first, then forwarded unchanged, once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from linkage.domain.errors import DeliveryError, RefusedError, StoreUnavailableError
from linkage.domain.facts import SignalKey
from linkage.domain.ids import BotId, ClientOrderId
from tests.functions.webhook.conftest import Answer, WebhookApi
from tests.support.webhook import EVENTS, event_file

RAW = (EVENTS / "bottrader_signal.json").read_bytes()
POST: dict[str, Any] = event_file("bottrader_signal.json")
KEY = SignalKey(BotId("matrix"), ClientOrderId("2f20013648c6438c855bf4ef30e64cf8"))
RECEIVER = "http://receiver.example:5003/webhook"


@pytest.fixture
def token(api: WebhookApi) -> str:
    return api.bots.register(bot_id="matrix", source="bottrader", forward_url=RECEIVER)


def _post(api: WebhookApi, token: str, body: bytes = RAW) -> Answer:
    return api.call(
        "/webhook", body, {"authorization": f"Bearer {token}", "content-type": "application/json"}
    )


def test_the_signal_is_stored_before_its_unchanged_body_is_forwarded(api: WebhookApi, token: str) -> None:
    seen_when_forwarded: list[bool] = []
    api.forwarder.before = lambda: seen_when_forwarded.append(KEY in api.store)
    answer = _post(api, token)
    assert answer.status == 200
    assert answer.document["snapshot_id"] == "b042c0bb-6184-4d40-aa65-2f7c8d83a243"
    assert seen_when_forwarded == [True]
    ((url, body, headers),) = api.forwarder.forwarded
    assert (url, body) == (RECEIVER, RAW)
    assert headers["authorization"] == f"Bearer {token}"
    assert "host" not in headers


def test_the_same_post_again_is_not_forwarded_again(api: WebhookApi, token: str) -> None:
    for _ in range(3):
        assert _post(api, token).status == 200
    assert len(api.forwarder) == 1


def test_a_receiver_without_an_answer_is_503_and_the_next_post_is_forwarded(
    api: WebhookApi, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    api.forwarder.failures = [DeliveryError("no answer")]
    assert _post(api, token).refusal == (503, "forward_url")
    assert KEY in api.store
    assert "ForwardsFailed" in capsys.readouterr().out
    assert _post(api, token).document["outcome"] == "repeated"
    assert len(api.forwarder) == 1


def test_a_receiver_that_refuses_for_good_is_an_error_that_the_bot_does_not_retry(
    api: WebhookApi, token: str
) -> None:
    api.forwarder.failures = [RefusedError("the receiver answered 403", 403)]
    assert _post(api, token).refusal == (502, "forward_url")
    assert KEY in api.store


def test_another_meaning_under_the_same_id_is_409_and_not_forwarded(api: WebhookApi, token: str) -> None:
    _post(api, token)
    other = json.dumps({**POST, "limit_price": 0.5}).encode()
    assert _post(api, token, other).refusal == (409, "order_id")
    assert len(api.forwarder) == 1


def test_scenario_16_an_unknown_side_is_422_and_neither_stored_nor_forwarded(
    api: WebhookApi, token: str
) -> None:
    assert _post(api, token, json.dumps({**POST, "side": "hold"}).encode()).refusal == (422, "side")
    assert (len(api.store), len(api.forwarder)) == (0, 0)


def test_a_forward_that_cannot_be_remembered_is_still_a_success(
    api: WebhookApi, token: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreUnavailableError("throttled")

    monkeypatch.setattr(api.store, "mark_forwarded", fail)
    assert _post(api, token).status == 200
    assert "Forward not remembered" in capsys.readouterr().out


def test_without_a_receiver_the_post_is_stored_only(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="matrix", source="bottrader")
    assert _post(api, token).status == 200
    assert (KEY in api.store, len(api.forwarder)) == (True, 0)


def test_that_bot_may_speak_our_own_words_too(api: WebhookApi, token: str) -> None:
    body = {
        "client_order_id": "a",
        "symbol": "BTC-USD",
        "side": "buy",
        "signalled_at": "2026-11-22T17:59:00Z",
    }
    assert _post(api, token, json.dumps(body).encode()).document["client_order_id"] == "a"
