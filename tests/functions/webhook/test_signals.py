"""Signals at the HTTP API: stored once, under the bot of their credential, before anybody may act on them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from linkage.domain.facts import SignalKey
from linkage.domain.ids import FIRST_PARTY_BOT, BotId, ClientOrderId
from linkage.domain.snapshots import make_snapshot
from tests.functions.webhook.conftest import WebhookApi
from tests.support.counts import counted
from tests.support.events import our_key

SIGNAL: dict[str, Any] = {
    "client_order_id": "entry-1",
    "snapshot_id": "b042c0bb-6184-4d40-aa65-2f7c8d83a243",
    "symbol": "BTC/USD",
    "side": "buy",
    "trigger": "roc",
    "buy_score": 5.5,
    "price": "43000.10",
    "notional": 20,
    "signalled_at": "2026-11-22T17:59:00Z",
}
OURS = {**SIGNAL, "client_order_id": our_key(1), "account": "paper", "venue": "paper"}


def _fact(api: WebhookApi, bot: str, key: str) -> dict[str, Any]:
    place = SignalKey(BotId(bot), ClientOrderId(key))
    fact: dict[str, Any] = json.loads(api.store.get_signals([place])[place])
    return fact


def test_a_signed_signal_with_a_key_of_ours_is_stored_under_our_bot(api: WebhookApi) -> None:
    answer = api.post_signed("/v1/signals", OURS)
    assert answer.status == 200
    assert answer.document["outcome"] == "stored"
    fact = _fact(api, FIRST_PARTY_BOT, our_key(1))
    assert fact["key_is_ours"] is True
    assert (fact["symbol"], fact["buy_score"], fact["price"], fact["notional"]) == (
        "BTC-USD", "5.5", "43000.1", "20"
    )  # fmt: skip


@pytest.mark.parametrize("path", ["/webhook", "/v1/signals", "/v1/signals/"])
def test_both_paths_mean_the_same(api: WebhookApi, path: str) -> None:
    assert api.post_signed(path, OURS).status == 200


def test_scenario_05_the_same_post_again_is_a_repeat_with_the_same_answer(api: WebhookApi) -> None:
    api.post_signed("/v1/signals", OURS)
    for attempt in range(5):
        answer = api.post_signed("/v1/signals", OURS, message_id=f"retry_{attempt}")
        assert (answer.status, answer.document["outcome"]) == (200, "repeated")
    assert len(api.store) == 1


def test_another_spelling_of_the_same_meaning_is_a_repeat(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="grid")
    api.post("/v1/signals", SIGNAL, token)
    same = {**SIGNAL, "symbol": "BTC-USD", "price": 43000.1, "notional": "20.00", "note": "again"}
    same["signalled_at"] = "2026-11-22T18:59:00+01:00"
    assert api.post("/v1/signals", same, token).document["outcome"] == "repeated"


@pytest.mark.parametrize(
    "change", [{"side": "sell"}, {"symbol": "ETH-USD"}, {"price": "43000.11"}, {"buy_score": None}], ids=repr
)
def test_the_same_key_with_another_meaning_is_409(api: WebhookApi, change: dict[str, Any]) -> None:
    token = api.bots.register(bot_id="grid")
    api.post("/v1/signals", SIGNAL, token)
    before = _fact(api, "grid", "entry-1")
    assert api.post("/v1/signals", {**SIGNAL, **change}, token).refusal == (409, "client_order_id")
    assert _fact(api, "grid", "entry-1") == before


def test_scenario_27_two_bots_may_use_the_same_key(api: WebhookApi) -> None:
    first, second = api.bots.register(bot_id="grid"), api.bots.register(bot_id="dca")
    api.post("/v1/signals", SIGNAL, first)
    assert api.post("/v1/signals", {**SIGNAL, "side": "sell"}, second).document["outcome"] == "stored"
    assert (_fact(api, "grid", "entry-1")["side"], _fact(api, "dca", "entry-1")["side"]) == ("buy", "sell")


def test_a_key_of_our_own_form_is_taken_on_the_signed_route_only(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="grid", account="paper", venue="paper")
    assert api.post("/v1/signals", OURS, token).refusal == (403, "client_order_id")
    upper = {**OURS, "client_order_id": our_key(1).upper()}
    assert api.post("/v1/signals", upper, token).refusal == (403, "client_order_id")
    assert len(api.store) == 0


@pytest.mark.parametrize("field", ["bot_id", "venue", "account"])
def test_a_bot_cannot_speak_for_another(api: WebhookApi, field: str) -> None:
    token = api.bots.register(bot_id="grid")
    assert api.post("/v1/signals", {**SIGNAL, field: "other"}, token).refusal == (403, field)


def test_without_a_key_one_is_made_from_the_evidence_and_a_retry_has_the_same(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="grid")
    keyless = {name: value for name, value in SIGNAL.items() if name != "client_order_id"}
    first = api.post("/v1/signals", keyless, token).document
    again = api.post("/v1/signals", {**keyless, "symbol": "BTC-USD"}, token).document
    assert again == {**first, "outcome": "repeated"}
    assert len(first["client_order_id"]) == 32
    assert _fact(api, "grid", first["client_order_id"])["snapshot_id"] == SIGNAL["snapshot_id"]


def test_parameters_inside_a_signal_describe_its_snapshot(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="grid")
    parameters = {"strategy": "breakout", "rsi_period": 14, "weights": {"rsi": 1.50}}
    snapshot = make_snapshot(parameters)
    body = {**SIGNAL, "snapshot": parameters}
    del body["snapshot_id"]
    answer = api.post("/v1/signals", body, token)
    assert answer.document["snapshot_id"] == str(snapshot.snapshot_id)
    (item,) = [item for item in api.store.recent(["2026-11-22T18"]) if item.kind == "snapshot"]
    described = json.loads(item.body)
    assert described["config_hash"] == snapshot.config_hash
    assert described["parameters"] == {"strategy": "breakout", "rsi_period": "14", "weights": {"rsi": "1.5"}}
    assert _fact(api, "grid", "entry-1")["snapshot_id"] == str(snapshot.snapshot_id)


def test_a_snapshot_beside_an_id_that_is_not_its_own_is_refused(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="grid")
    body = {**SIGNAL, "snapshot": {"rsi_period": 14}}
    assert api.post("/v1/signals", body, token).refusal == (422, "snapshot_id")
    assert len(api.store) == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"side": "hold"}, "side"),
        ({"side": None}, "side"),
        ({"symbol": ""}, "symbol"),
        ({"price": "NaN"}, "price"),
        ({"price": -1}, "price"),
        ({"price": 0}, "price"),
        ({"take_profit": "0.00"}, "take_profit"),
        ({"price": "1" + 30 * "0"}, "price"),
        ({"quantity": "1e-19"}, "quantity"),
        ({"notional": "1_000"}, "notional"),
        ({"price": float("nan")}, "price"),
        ({"quantity": float("inf")}, "quantity"),
        ({"snapshot_id": None, "snapshot": {"rsi": float("nan")}}, "snapshot"),
        ({"signalled_at": 45291.75}, "signalled_at"),
        ({"bar_time": "20231231"}, "bar_time"),
        ({"signalled_at": "2026-11-23T18:00:01Z"}, "signalled_at"),
        ({"signalled_at": "2026-11-22T17:59:00"}, "signalled_at"),
        ({"signalled_at": "9999-12-31T23:59:59-10:00"}, "signalled_at"),
        ({"signalled_at": None}, "signalled_at"),
        ({"client_order_id": "x" * 129}, "client_order_id"),
        ({"snapshot_id": "b042"}, "snapshot_id"),
        ({"snapshot": {}}, "snapshot"),
        ({"snapshot_id": None, "snapshot": {"rsi": 1e-300}}, "snapshot"),
        ({"disposition": "suppressed"}, "guardrail"),
        ({"disposition": "maybe"}, "disposition"),
        ({"trigger": "a\u0000b"}, "trigger"),
    ],
    ids=repr,
)
def test_what_cannot_be_understood_is_422_and_names_the_field(
    api: WebhookApi, change: dict[str, Any], field: str
) -> None:
    token = api.bots.register(bot_id="grid")
    assert api.post("/v1/signals", {**SIGNAL, **change}, token).refusal == (422, field)
    assert len(api.store) == 0


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"buy_score": "None"}, "buy_score"),
        ({"sell_score": "1e999"}, "sell_score"),
        ({"buy_score": float("nan")}, "buy_score"),
        ({"indicators_fired": "rsi"}, "indicators_fired"),
        ({"indicators_fired": ["rsi", None]}, "indicators_fired"),
        ({"indicator_breakdown": "rsi"}, "indicator_breakdown"),
        ({"indicator_breakdown": {"rsi": float("nan")}}, "indicator_breakdown.rsi"),
        ({"indicator_breakdown": {"rsi": {"value": "nan"}}}, "indicator_breakdown.rsi.value"),
        ({"indicator_breakdown": {"rsi": {"weight": "None"}}}, "indicator_breakdown.rsi.weight"),
        ({"indicator_breakdown": {"macd": {"line": -1e31}}}, "indicator_breakdown.macd.line"),
        ({"indicator_breakdown": {"macd": [1, float("inf")]}}, "indicator_breakdown.macd.1"),
        ({"indicators": {"rsi": float("nan")}}, "indicators.rsi"),
    ],
    ids=repr,
)
def test_a_bad_value_in_the_evidence_costs_that_value_and_the_reply_names_it(
    api: WebhookApi, change: dict[str, Any], path: str
) -> None:
    answer = api.post("/v1/signals", {**SIGNAL, **change}, api.bots.register(bot_id="grid"))
    assert (answer.status, list(answer.document["unreadable"])) == (200, [path])
    fact = _fact(api, "grid", "entry-1")
    assert list(fact["extra"]["unreadable"]) == [path]
    kept: Any = fact if path.split(".")[0] in fact else fact["extra"]
    if path == "indicators_fired":
        assert kept.get(path) in (None, ["rsi"])
        return
    for part in path.split("."):
        kept = kept[int(part)] if isinstance(kept, list) else kept.get(part)
    assert kept is None


def test_evidence_that_can_be_read_is_stored_as_it_came(api: WebhookApi) -> None:
    breakdown = {
        "rsi": {"decision": "none", "value": "28.1250", "threshold": 30, "weight": None, "note": "low"},
        "roc": True,
    }
    api.post("/v1/signals", {**SIGNAL, "indicator_breakdown": breakdown}, api.bots.register(bot_id="grid"))
    fact = _fact(api, "grid", "entry-1")
    assert (fact["indicator_breakdown"], fact["extra"]) == (breakdown, {})


@pytest.mark.parametrize("key", ["", "  ", "null", "{{strategy.order.id}}", 0])
def test_a_key_that_only_fills_its_place_is_none_so_that_one_is_made(api: WebhookApi, key: object) -> None:
    token = api.bots.register(bot_id="grid")
    answer = api.post("/v1/signals", {**SIGNAL, "client_order_id": key}, token)
    assert (answer.status, len(answer.document["client_order_id"])) == (200, 32)


def test_a_key_may_be_a_number(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="grid")
    answer = api.post("/v1/signals", {**SIGNAL, "client_order_id": 100234}, token)
    assert answer.document["client_order_id"] == "100234"


@pytest.mark.parametrize(
    "at", [1795370340, 1795370340000, "1795370340000000", 1795370340000000000, "2026-11-22T18:59:00+01:00"]
)
def test_a_time_may_be_a_number_whose_digits_say_its_unit(api: WebhookApi, at: object) -> None:
    api.post("/v1/signals", {**SIGNAL, "signalled_at": at}, api.bots.register(bot_id="grid"))
    assert _fact(api, "grid", "entry-1")["signalled_at"] == "2026-11-22T17:59:00Z"


def test_a_bot_with_a_time_zone_may_leave_it_out(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="grid", time_zone="Europe/Berlin")
    assert api.post("/v1/signals", {**SIGNAL, "signalled_at": "2026-11-22T18:59:00"}, token).status == 200
    assert _fact(api, "grid", "entry-1")["signalled_at"] == "2026-11-22T17:59:00Z"
    digits = {**SIGNAL, "signalled_at": "20261122"}
    assert api.post("/v1/signals", digits, token).refusal == (422, "signalled_at")


def test_venue_and_account_come_from_the_registration(api: WebhookApi) -> None:
    api.post("/v1/signals", SIGNAL, api.bots.register(bot_id="grid", venue="kraken", account="two"))
    fact = _fact(api, "grid", "entry-1")
    assert (fact["venue"], fact["account"]) == ("kraken", "two")


def test_fields_that_nobody_knows_are_kept(api: WebhookApi) -> None:
    api.post("/v1/signals", {**SIGNAL, "mood": "good"}, api.bots.register(bot_id="grid"))
    assert _fact(api, "grid", "entry-1")["extra"] == {"mood": "good"}


def test_a_symbol_that_nobody_knows_is_stored_as_it_came(
    api: WebhookApi, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = api.post("/v1/signals", {**SIGNAL, "symbol": "PF_XBTUSD"}, api.bots.register(bot_id="grid"))
    assert answer.document["symbol"] == "PF_XBTUSD"
    assert '"symbol_known":false' in capsys.readouterr().out


def test_while_the_store_is_away_the_sender_is_told_to_try_again(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="grid", forward_url="http://receiver.example/webhook")
    api.store.available = False
    answer = api.post("/v1/signals", SIGNAL, token)
    assert answer.refusal == (503, None)
    assert answer.headers["retry-after"] == "5"
    assert len(api.forwarder) == 0


def test_a_stored_signal_is_one_log_line_and_one_metric(
    api: WebhookApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.post_signed("/v1/signals", OURS)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (stored,) = [line for line in lines if line.get("message") == "STRATEGY_CACHE stored"]
    wanted = {
        "bot_id": "sighook",
        "client_order_id": our_key(1),
        "correlation_id": our_key(1),
        "snapshot_id": SIGNAL["snapshot_id"],
        "symbol": "BTC-USD",
    }
    assert wanted.items() <= stored.items()
    assert counted(lines)["SignalsStored"] == 1
