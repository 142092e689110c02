"""Orders, fills and snapshots at the HTTP API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from linkage.contracts.events import EVENT
from linkage.domain.facts import SignalKey
from linkage.domain.ids import BotId, ClientOrderId
from linkage.domain.snapshots import make_snapshot
from tests.functions.webhook.conftest import WebhookApi
from tests.support.events import our_key
from tests.support.webhook import event_file

ORDER_ID = "8f200136-48c6-438c-855b-f4ef30e64cf8"
POST: dict[str, Any] = event_file("bottrader_signal.json")
FILL: dict[str, Any] = {
    "order_id": ORDER_ID,
    "fill_id": "7",
    "symbol": "AVNT-USD",
    "side": "buy",
    "price": 0.4295,
    "quantity": "46.5",
    "fee": 0.1,
    "fee_currency": "USD",
    "executed_at": "2026-11-22T18:00:05Z",
}


def test_both_ids_of_an_order_suffice_once_its_signal_is_stored(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="matrix", source="bottrader")
    api.post("/webhook", POST, token)
    body = {"client_order_id": POST["order_id"], "venue": "coinbase", "account": "main", "order_id": ORDER_ID}
    answer = api.post("/v1/orders", body, token)
    assert (answer.status, answer.document) == (202, {"refused": 0, "accepted": 1, "quarantined": []})
    (event,) = api.events()
    assert (event["symbol"], event["side"], event["order_id"]) == ("AVNT-USD", "buy", ORDER_ID)
    assert event["client_order_id"] == "2f20013648c6438c855bf4ef30e64cf8"
    assert EVENT.validate_python(event).type == "order"


def test_both_ids_without_a_stored_signal_are_refused(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="matrix")
    body = {"client_order_id": "nobody-knows", "order_id": ORDER_ID}
    assert api.post("/v1/orders", body, token).refusal == (422, "symbol")


def test_an_executor_may_name_a_key_of_ours_for_its_own_account(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="executor")
    key = our_key(1)
    assert api.post("/v1/fills/generic", {**FILL, "client_order_id": key}, token).status == 202
    (event,) = api.events()
    assert (event["client_order_id"], event["bot_id"], event["account"]) == (key, "executor", "main")
    foreign = {**FILL, "account": "somebody else's"}
    assert api.post("/v1/fills/generic", foreign, token).refusal == (403, "account")


def test_a_fill_goes_on_the_queue_in_canonical_form(api: WebhookApi) -> None:
    api.post("/v1/fills/generic", FILL, api.bots.register(bot_id="grid"))
    (event,) = api.events()
    assert (event["price"], event["quantity"], event["fee"]) == ("0.4295", "46.5", "0.1")
    assert (event["schema"], event["type"], event["ingest_via"]) == ("linkage.v1", "fill", "webhook")


def test_a_bad_event_in_an_array_is_kept_for_quarantine_beside_its_neighbours(api: WebhookApi) -> None:
    bad = {**FILL, "fill_id": "8", "side": "hold"}
    answer = api.post("/v1/fills/generic", [FILL, bad], api.bots.register(bot_id="grid"))
    assert answer.status == 202
    assert list(answer.document.items())[:2] == [("refused", 1), ("accepted", 1)]
    assert [(event["index"], event["field"]) for event in answer.document["quarantined"]] == [(1, "side")]
    assert [event["side"] for event in api.events()] == ["buy", "hold"]


def test_when_no_event_can_be_understood_nothing_is_queued(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="grid")
    assert api.post("/v1/fills/generic", [{**FILL, "price": "x"}], token).refusal == (422, "0.price")
    assert api.post("/v1/fills/generic", {**FILL, "price": "x"}, token).refusal == (422, "price")
    assert api.post("/v1/fills/generic", [], token).refusal == (422, "body")
    assert len(api.queue) == 0


@pytest.mark.parametrize("field", ["order_id", "fill_id", "client_order_id", "price", "fee", "executed_at"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_and_infinity_are_refused_with_their_field(api: WebhookApi, field: str, value: float) -> None:
    token = api.bots.register(bot_id="grid")
    assert api.post("/v1/fills/generic", {**FILL, field: value}, token).refusal == (422, field)


def test_a_thousand_fills_become_messages_of_a_hundred_at_most(api: WebhookApi) -> None:
    fills = [
        {**FILL, "fill_id": str(number), "fee": None, "fee_currency": None} for number in range(1, 1_001)
    ]
    assert api.post("/v1/fills/generic", fills, api.bots.register(bot_id="grid")).status == 202
    assert len(api.queue) == 10
    assert sorted(int(event["fill_id"]) for event in api.events()) == list(range(1, 1_001))


def test_a_message_stays_under_what_the_queue_takes(api: WebhookApi) -> None:
    fills = [{**FILL, "fill_id": str(number), "raw": {"text": "é" * 2_000}} for number in range(60)]
    body = json.dumps(fills, ensure_ascii=False).encode()
    token = api.bots.register(bot_id="grid")
    assert api.call("/v1/fills/generic", body, {"authorization": f"Bearer {token}"}).status == 202
    assert max(len(message) for message in api.queue.sent) <= 120_000
    assert len(api.events()) == 60


def test_while_the_queue_is_away_the_sender_is_told_to_try_again(api: WebhookApi) -> None:
    api.queue.available = False
    assert api.post("/v1/fills/generic", FILL, api.bots.register(bot_id="grid")).refusal == (503, None)


def test_fills_of_an_unknown_source_are_404(api: WebhookApi) -> None:
    assert api.post("/v1/fills/mtgox", FILL, api.bots.register(bot_id="grid")).refusal == (404, "source")


def test_a_snapshot_is_described_once(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="grid")
    body = {"strategy": "breakout", "parameters": {"rsi_period": 14}, "label": "calm"}
    snapshot = make_snapshot({"strategy": "breakout", "rsi_period": 14})
    first = api.post("/v1/snapshots", body, token)
    assert first.document["snapshot_id"] == str(snapshot.snapshot_id)
    assert api.post("/v1/snapshots", body, token).document["outcome"] == "repeated"
    (item,) = api.store.recent(["2026-11-22T18"])
    assert (json.loads(item.body)["label"], json.loads(item.body)["bot_id"]) == ("calm", "grid")


def test_a_bot_may_have_snapshot_ids_of_its_own_and_we_may_not(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="grid")
    own = "b042c0bb-6184-4d40-aa65-2f7c8d83a243"
    body = {"snapshot_id": own, "strategy": "breakout", "parameters": {"rsi_period": 14}}
    assert api.post("/v1/snapshots", body, token).document["snapshot_id"] == own
    assert api.post_signed("/v1/snapshots", body).refusal == (422, "snapshot_id")


@pytest.mark.parametrize(
    "body", [[], {}, {"strategy": "x", "parameters": {}}, {"parameters": {"a": 1}}], ids=repr
)
def test_a_snapshot_needs_a_strategy_and_parameters(api: WebhookApi, body: Any) -> None:
    assert api.post("/v1/snapshots", body, api.bots.register(bot_id="grid")).refusal[0] == 422


def test_an_order_of_ours_may_come_signed(api: WebhookApi) -> None:
    place = SignalKey(BotId("sighook"), ClientOrderId(our_key(2)))
    body = {
        "client_order_id": our_key(2),
        "symbol": "BTC-USD",
        "side": "sell",
        "signalled_at": "2026-11-22T17:59:00Z",
    }
    api.post_signed("/v1/signals", body)
    assert place in api.store
    order = {"order_id": "77", "client_order_id": our_key(2), "venue": "paper", "account": "paper"}
    assert api.post_signed("/v1/orders", order).status == 202
    assert api.events()[0]["side"] == "sell"
