"""The existing bot's posts: stored first, then forwarded unchanged, once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from functions.webhook.forwarding import TeeTimes
from linkage.domain.errors import (
    ConfigurationError,
    DeliveryError,
    ForbiddenAddressError,
    NotSentError,
    RefusedError,
    StoreUnavailableError,
)
from linkage.domain.facts import SignalKey
from linkage.domain.ids import BotId, ClientOrderId
from linkage.ports.store import ForwardStatus
from tests.functions.webhook.conftest import Answer, WebhookApi
from tests.support.fakes import FakeSignalStore
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
    assert headers["content-type"] == "application/json"
    assert not headers.keys() & {"authorization", "host", "content-length"}


def test_the_bots_token_goes_further_only_where_its_owner_said_so(api: WebhookApi) -> None:
    token = api.bots.register(
        bot_id="matrix", source="bottrader", forward_url=RECEIVER, forward_authorization=True
    )
    assert _post(api, token).status == 200
    ((*_, headers),) = api.forwarder.forwarded
    assert headers["authorization"] == f"Bearer {token}"


def test_a_receiver_at_a_forbidden_address_is_an_error_that_a_new_registration_ends(
    api: WebhookApi, token: str
) -> None:
    api.forwarder.failures = [ForbiddenAddressError("no")]
    assert _post(api, token).refusal == (502, "forward_url")
    assert KEY in api.store
    assert api.store.forward_status(KEY).state == "open"


def test_the_same_post_again_is_not_forwarded_again(api: WebhookApi, token: str) -> None:
    for _ in range(3):
        assert _post(api, token).status == 200
    assert len(api.forwarder) == 1


def test_a_forward_carries_the_signals_key_however_the_post_spells_it(api: WebhookApi, token: str) -> None:
    api.forwarder.failures = [NotSentError("the receiver answered 503")]
    _post(api, token)
    spelt = json.dumps({**POST, "order_id": POST["order_id"].upper()}).encode()
    assert _post(api, token, spelt).status == 200
    assert [headers["idempotency-key"] for *_, headers in api.forwarder.asked] == [KEY.client_order_id] * 2


def test_a_key_that_is_no_header_is_carried_percent_encoded(api: WebhookApi, token: str) -> None:
    body = {
        "client_order_id": "a\r\nx-evil: 1 é%",
        "symbol": "BTC-USD",
        "side": "buy",
        "signalled_at": "2026-11-22T17:59:00Z",
    }
    assert _post(api, token, json.dumps(body).encode()).status == 200
    ((*_, headers),) = api.forwarder.forwarded
    assert headers["idempotency-key"] == "a%0D%0Ax-evil:%201%20%C3%A9%25"


def test_a_receiver_that_did_not_take_the_post_gets_the_next_one(
    api: WebhookApi, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    api.forwarder.failures = [NotSentError("the receiver answered 503")]
    answer = _post(api, token)
    assert (answer.refusal, answer.headers["retry-after"]) == ((503, "forward_url"), "5")
    assert KEY in api.store
    assert "ForwardsFailed" in capsys.readouterr().out
    assert _post(api, token).document["outcome"] == "repeated"
    assert len(api.forwarder) == 1


def test_a_receiver_without_an_answer_may_have_the_order_and_is_left_alone_until_the_lease_ends(
    api: WebhookApi, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    api.forwarder.failures = [DeliveryError("no answer")]
    answer = _post(api, token)
    assert (answer.refusal, answer.headers["retry-after"]) == ((503, "forward_url"), "60")
    assert "ForwardsFailed" in capsys.readouterr().out
    api.clock.advance(timedelta(seconds=45))
    again = _post(api, token)
    assert (again.refusal, again.headers["retry-after"]) == ((503, "forward_url"), "15")
    assert len(api.forwarder.asked) == 1
    api.clock.advance(timedelta(seconds=15))
    assert _post(api, token).status == 200
    first, second = api.forwarder.asked
    assert first[2]["idempotency-key"] == second[2]["idempotency-key"]


def test_a_final_refusal_is_an_error_that_the_bot_does_not_retry_and_stays_one(
    api: WebhookApi, token: str
) -> None:
    api.forwarder.failures = [RefusedError("the receiver answered 403", 403)]
    for _ in range(2):
        answer = _post(api, token)
        assert answer.refusal == (502, "forward_url")
        assert "403" in answer.document["detail"]
    assert KEY in api.store
    assert len(api.forwarder.asked) == 1


def test_a_process_that_stood_still_after_it_took_the_lease_does_not_forward(
    api: WebhookApi, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stand_still(key: SignalKey, **arguments: Any) -> ForwardStatus:
        status = FakeSignalStore.lease_forward(api.store, key, **arguments)
        api.clock.advance(timedelta(seconds=52))
        return status

    monkeypatch.setattr(api.store, "lease_forward", stand_still)
    assert _post(api, token).refusal == (503, "forward_url")
    assert len(api.forwarder.asked) == 0


def test_a_stale_owner_does_not_overwrite_what_the_next_one_records(api: WebhookApi, token: str) -> None:
    """The first stands still while the receiver answers; the second takes over, and is refused."""

    def meanwhile() -> None:
        api.forwarder.before = lambda: None
        api.clock.advance(timedelta(seconds=60))
        api.forwarder.failures = [RefusedError("the receiver answered 409", 409)]
        assert _post(api, token).refusal == (502, "forward_url")

    api.forwarder.before = meanwhile
    assert _post(api, token).status == 200
    assert api.store.forward_status(KEY) == ForwardStatus("refused", status_code=409)


def test_a_lease_has_to_outlast_the_receivers_time_out() -> None:
    with pytest.raises(ConfigurationError):
        TeeTimes(timeout=8, lease=8)


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


def test_a_forward_that_cannot_be_recorded_is_still_a_success(
    api: WebhookApi, token: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreUnavailableError("throttled")

    monkeypatch.setattr(api.store, "settle_forward", fail)
    assert _post(api, token).status == 200
    assert "Forward not recorded" in capsys.readouterr().out


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
