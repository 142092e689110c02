"""Who gets in, and what everybody else gets: problem documents, the same one for every bad credential."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.webhook import dependencies, service
from functions.webhook.handler import receive
from functions.webhook.problems import problem_of
from linkage.domain.errors import (
    ConfigurationError,
    DeliveryError,
    LedgerUnavailableError,
    RefusedError,
    SignatureError,
    StoreUnavailableError,
)
from linkage.domain.tokens import make_token
from linkage.domain.webhook_signature import sign
from tests.functions.webhook.conftest import Answer, WebhookApi
from tests.functions.webhook.test_signals import OURS, SIGNAL


def _signed(api: WebhookApi, **changes: str) -> dict[str, str]:
    stamp = int(api.clock.now().timestamp())
    body = json.dumps(OURS).encode()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(stamp),
        "webhook-signature": sign("msg_1", stamp, body, [b"k" * 48]),
    }
    return {**headers, **changes}


def _svix(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("webhook-", "svix-"): value for name, value in headers.items()}


def _post_ours(api: WebhookApi, headers: dict[str, str]) -> Answer:
    return api.call("/v1/signals", json.dumps(OURS).encode(), headers)


def test_every_bad_credential_gets_one_identical_401(api: WebhookApi) -> None:
    api.bots.register(bot_id="grid")
    refused = [
        api.call("/v1/signals", b"{}"),
        api.post("/v1/signals", SIGNAL, ""),
        api.post("/v1/signals", SIGNAL, "short"),
        api.post("/v1/signals", SIGNAL, make_token()),
        api.call("/v1/signals", b"{}", {"authorization": "Basic Z3JpZDpncmlk"}),
        _post_ours(api, _signed(api, **{"webhook-signature": "v1,AAAA"})),
        _post_ours(api, _signed(api, **{"webhook-signature": ""})),
        _post_ours(api, _signed(api, **{"webhook-id": "msg_2"})),
        _post_ours(api, _signed(api, **{"webhook-timestamp": "1"})),
        api.call("/v1/signals", b"not json either", _signed(api)),
        api.call("/v1/signals", b"{}", {"webhook-signature": "v1,AAAA"}),
        _post_ours(api, _svix(_signed(api, **{"webhook-id": "msg_2"}))),
        _post_ours(api, {"svix-signature": _signed(api)["webhook-signature"]}),
    ]
    assert {answer.refusal for answer in refused} == {(401, "authorization")}
    assert len({answer.text for answer in refused}) == 1
    assert {answer.headers["www-authenticate"] for answer in refused} == {"Bearer"}
    assert len(api.store) == 0


def test_svix_spells_the_three_headers_otherwise(api: WebhookApi) -> None:
    assert _post_ours(api, _svix(_signed(api))).status == 200


def test_where_both_spellings_are_there_webhook_counts(api: WebhookApi) -> None:
    good, bad = _signed(api), _signed(api, **{"webhook-id": "msg_2"})
    assert _post_ours(api, good | _svix(bad)).status == 200
    assert _post_ours(api, bad | _svix(good)).status == 401


@pytest.mark.parametrize("part", ["id", "timestamp", "signature"])
def test_what_one_spelling_lacks_is_not_taken_from_the_other(api: WebhookApi, part: str) -> None:
    mixed = _signed(api)
    mixed[f"svix-{part}"] = mixed.pop(f"webhook-{part}")
    assert _post_ours(api, mixed).status == 401


@pytest.mark.parametrize("prefix", ["webhook-", "svix-"])
def test_every_single_bit_of_a_signed_post_counts(api: WebhookApi, prefix: str) -> None:
    signed = {name.replace("webhook-", prefix): value for name, value in _signed(api).items()}
    body = json.dumps(OURS).encode()
    for name, value in signed.items():
        for flipped in _flips(value.encode()):
            changed = signed | {name: flipped.decode("latin-1")}
            assert api.call("/v1/signals", body, changed).status == 401, (name, flipped)
    for flipped in _flips(body):
        assert api.call("/v1/signals", flipped, signed, encoded=True).status == 401, flipped
    assert api.call("/v1/signals", body, signed, encoded=True).status == 200


def _flips(text: bytes) -> Iterator[bytes]:
    for bit in range(len(text) * 8):
        flipped = bytearray(text)
        flipped[bit // 8] ^= 1 << (bit % 8)
        yield bytes(flipped)


def test_a_removed_bots_token_does_not_hold(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="grid")
    api.bots.records.clear()
    assert api.post("/v1/signals", SIGNAL, token).status == 401


def test_sighooks_own_route_takes_signatures_only(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="grid")
    assert api.post("/v1/sighook/signals", SIGNAL, token).refusal == (403, "path")
    assert api.post("/v1/sighook/signals", SIGNAL, "unknown").refusal == (401, "authorization")
    assert len(api.store) == 0
    assert api.post_signed("/v1/sighook/signals", OURS).document["outcome"] == "stored"
    assert api.post_signed("/v1/signals", OURS).document["outcome"] == "repeated"


def test_the_scheme_of_a_bearer_token_has_no_case(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="grid")
    body = json.dumps(SIGNAL).encode()
    assert api.call("/v1/signals", body, {"Authorization": f"bearer {token}"}).status == 200


def test_an_unknown_signature_makes_the_keys_be_read_again(api: WebhookApi) -> None:
    api.keys.keys, api.keys.next_keys = (b"o" * 48,), (b"k" * 48, b"o" * 48)
    assert _post_ours(api, _signed(api)).status == 200
    assert api.keys.refreshed == 1


def test_a_malformed_header_does_not_make_the_keys_be_read_again(api: WebhookApi) -> None:
    _post_ours(api, _signed(api, **{"webhook-id": "a.b"}))
    assert api.keys.refreshed == 0


def test_a_body_in_base64_is_verified_as_the_bytes_that_it_was(api: WebhookApi) -> None:
    answer = api.call("/v1/signals", json.dumps(OURS).encode(), _signed(api), encoded=True)
    assert answer.status == 200


@pytest.mark.parametrize(
    ("path", "kib", "status"),
    [
        ("/webhook", 64, 401), ("/webhook", 65, 413), ("/webhook", 70, 413), ("/v1/signals", 65, 413),
        ("/v1/snapshots", 65, 413), ("/v1/orders", 256, 401), ("/v1/orders", 257, 413),
        ("/v1/fills/generic", 257, 413),
    ],
)  # fmt: skip
def test_size_is_checked_before_anything_else(api: WebhookApi, path: str, kib: int, status: int) -> None:
    answer = api.call(path, b"x" * (kib * 1024))
    assert answer.refusal == (status, "body" if status == 413 else "authorization")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/a+json",
        "",
    ],
)
def test_json_may_come_under_the_names_that_its_senders_give_it(api: WebhookApi, content_type: str) -> None:
    token = api.bots.register(bot_id="grid")
    assert api.post("/v1/signals", SIGNAL, token, **{"content-type": content_type}).status == 200


@pytest.mark.parametrize("content_type", ["multipart/form-data", "application/xml", "image/png"])
def test_what_says_that_it_is_no_json_is_415(api: WebhookApi, content_type: str) -> None:
    token = api.bots.register(bot_id="grid")
    answer = api.post("/v1/signals", SIGNAL, token, **{"content-type": content_type})
    assert answer.refusal == (415, "content-type")


def test_a_compressed_body_is_415(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="grid")
    answer = api.post("/v1/signals", SIGNAL, token, **{"content-encoding": "gzip"})
    assert answer.refusal == (415, "content-encoding")


@pytest.mark.parametrize("body", [b"", b"{", b'{"a":1,"a":2}', b"[" * 50_000], ids=lambda b: repr(b[:9]))
def test_what_is_no_json_is_400(api: WebhookApi, body: bytes) -> None:
    token = api.bots.register(bot_id="grid")
    assert api.call("/v1/signals", body, {"authorization": f"Bearer {token}"}).refusal == (400, "body")


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"text"'])
def test_a_signal_that_is_no_object_is_422(api: WebhookApi, body: bytes) -> None:
    token = api.bots.register(bot_id="grid")
    assert api.call("/v1/signals", body, {"authorization": f"Bearer {token}"}).refusal == (422, "body")


@pytest.mark.parametrize(
    ("method", "path", "refusal"),
    [
        ("POST", "/", (404, "path")),
        ("POST", "/v2/signals", (404, "path")),
        ("GET", "/webhook", (405, "method")),
        ("DELETE", "/v1/fills/generic", (405, "method")),
        ("POST", "/health", (405, "method")),
    ],
)
def test_paths_and_methods_that_are_not_there(
    api: WebhookApi, method: str, path: str, refusal: tuple[int, str]
) -> None:
    answer = api.call(path, b"{}", method=method)
    assert answer.refusal == refusal
    assert ("allow" in answer.headers) == (refusal[0] == 405)


def test_health_says_stage_and_version_and_asks_nobody(
    api: WebhookApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dependencies, "ports", lambda: pytest.fail("health touched a dependency"))
    answer = api.call("/health", method="GET")
    assert answer.status == 200
    assert set(answer.document) == {"status", "stage", "version"}


def test_a_stage_in_the_path_is_not_part_of_it(api: WebhookApi) -> None:
    event: dict[str, Any] = {
        "rawPath": "/dev/health",
        "requestContext": {"stage": "dev", "http": {"method": "GET"}},
    }
    assert receive(event, None)["statusCode"] == 200


def test_a_defect_of_ours_is_a_problem_document_that_says_nothing(
    api: WebhookApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("canary-body")

    monkeypatch.setattr(service, "identify", fail)
    answer = api.post("/v1/signals", SIGNAL, "any")
    assert answer.refusal == (500, None)
    printed = capsys.readouterr().out
    assert '"error_type":"RuntimeError"' in printed
    assert "canary" not in printed + answer.text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SignatureError("reason"), 401),
        (StoreUnavailableError("throttled"), 503),
        (DeliveryError("queue"), 503),
        (LedgerUnavailableError("away"), 503),
        (RefusedError("refused", 403), 500),
        (ConfigurationError("keyless"), 500),
        (KeyError("x"), 500),
    ],
)
def test_each_error_has_its_status_and_no_internal_word(error: Exception, status: int) -> None:
    problem = problem_of(error)
    assert problem.status == status
    assert str(error) not in problem.detail


def test_no_token_signature_or_body_is_in_any_log_line(
    api: WebhookApi, capsys: pytest.CaptureFixture[str]
) -> None:
    canary = "canary-in-the-body"
    token = api.bots.register(bot_id="grid")
    for body in (
        {**SIGNAL, "note": canary},
        {**SIGNAL, "side": canary},
        {**SIGNAL, "signalled_at": canary},
        {**SIGNAL, "price": canary},
    ):
        api.post("/v1/signals", body, token)
    api.post("/v1/signals", SIGNAL, make_token())
    _post_ours(api, _signed(api))
    printed = capsys.readouterr().out
    assert printed.count("\n") > 6
    assert canary not in printed
    assert "lkt_" not in printed
    assert "v1," not in printed


_TEXTS = st.text(max_size=30)
_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS | st.lists(_TEXTS, max_size=2)
_DOCUMENTS = st.dictionaries(st.sampled_from([*SIGNAL, "snapshot", "order_id", "type", "status"]), _VALUES)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    st.sampled_from(["/webhook", "/v1/signals", "/v1/orders", "/v1/fills/generic", "/v1/snapshots", "/x"]),
    _DOCUMENTS | st.lists(_DOCUMENTS, max_size=3) | _VALUES,
    st.booleans(),
)
def test_no_request_of_a_known_bot_is_ever_a_defect(
    api: WebhookApi, path: str, document: Any, bottrader: bool
) -> None:
    token = api.bots.register(bot_id="fuzz", source="bottrader" if bottrader else "generic")
    answer = api.post(path, document, token)
    assert answer.status in (200, 202, 400, 403, 404, 409, 422)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["rawPath", "headers", "body", "isBase64Encoded", "requestContext"]),
        st.none() | st.booleans() | _TEXTS,
    )
)
def test_even_an_event_that_is_none_gets_a_reply(api: WebhookApi, event: dict[str, Any]) -> None:
    assert receive(event, None)["statusCode"] in (400, 401, 404, 405, 415, 500)
