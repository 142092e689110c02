"""What others reported of facts: each file is one report, and what has to become of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli.events import Import
from linkage.contracts.messages import parse_message
from linkage.domain.canonical import parse_utc
from tests.cases.conftest import case
from tests.scenarios.world import World
from tests.support.events import NOW, SNAPSHOT_A, fill

BOT = "grid"
ID = {"venue": "coinbase", "account": "main"}


@pytest.fixture
def bot(world: World) -> World:
    """A world with a bot that posts in our own format."""
    world.register(BOT)
    return world


def post(world: World, *fills: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Post fills as the bot, and record what the webhook put on the queue."""
    status, reply = world.post("/v1/fills/generic", fills[0] if len(fills) == 1 else list(fills), bot=BOT)
    world.queued()
    return status, reply


def refused_everywhere(world: World, event: dict[str, Any], field: str) -> None:
    """Hold that the HTTP API refuses a fill, the queue quarantines it, and the import names its row."""
    status, reply = post(world, event)
    assert (status, reply["field"]) == (422, field)
    (bad,) = parse_message(json.dumps(fill("1") | event), NOW).bad
    assert (bad.field, bool(bad.reason)) == (field, True)
    before = world.count("quarantine")
    world.fills(fill("1") | event)
    assert (world.count("quarantine"), world.count("fills")) == (before + 1, 0)
    work = Import(ID, NOW)
    assert list(work.events([(1, event)])) == []
    assert [(row.line, row.field) for row in work.bad] == [(1, field)]


def test_negative_quantity(bot: World) -> None:
    refused_everywhere(bot, case("negative-quantity"), "quantity")


def test_price_zero(bot: World) -> None:
    refused_everywhere(bot, case("price-zero"), "price")


@pytest.mark.parametrize("number", range(7))
def test_numbers_as_times(bot: World, number: int) -> None:
    at = case("numbers-as-times")["executed_at"][number]
    refused_everywhere(bot, {**case("price-zero"), "price": "100", "executed_at": at}, "executed_at")


def test_numbers_as_times_has_every_time_that_is_tried() -> None:
    assert len(case("numbers-as-times")["executed_at"]) == 7


@pytest.mark.parametrize("number", [0, 1])
def test_numeric_ids(bot: World, number: int) -> None:
    sent = fill("1", fill_id="a") | case("numeric-ids")[number]
    status, reply = post(
        bot, {name: value for name, value in sent.items() if name not in ("schema", "ingest_via")}
    )
    assert (status, reply["refused"]) == (202, 0)
    receipts = bot.rows("SELECT venue_order_id, client_order_id FROM fill_receipts")
    assert receipts == [(("100234", "1")[number], None)]


def test_signal_one_nan_loses_all(bot: World) -> None:
    bot.clock.moment = parse_utc("2026-11-30T16:00:00Z")
    status, reply = bot.post_text("/v1/signals", case("signal-one-nan-loses-all"), bot=BOT)
    assert (status, reply["unreadable"]) == (200, {"indicator_breakdown.rsi.value": "not a finite number"})
    bot.stream()
    ((breakdown, extra),) = bot.rows("SELECT indicator_breakdown, extra FROM strategy_signals")
    assert breakdown == {"rsi": {"value": None}}
    assert extra["unreadable"] == reply["unreadable"]


def test_gate_prefix(bot: World) -> None:
    bot.register("gatebot", venue="gate", account="main")
    signal, executed = case("gate-prefix")
    key = signal["client_order_id"]
    assert bot.signal(key, bot="gatebot", symbol="BTC_USDT", snapshot_id=str(SNAPSHOT_A)) == 200
    bot.stream()
    assert bot.post("/v1/fills/generic", executed, bot="gatebot")[0] == 202
    bot.queued()
    assert list(bot.links().values()) == [str(SNAPSHOT_A)]


@pytest.mark.parametrize("channel", ["request", "message", "file"])
def test_trade_id_repeats_in_order(bot: World, channel: str) -> None:
    events = case("trade-id-repeats-in-order")
    if channel == "request":
        assert post(bot, *events)[0] == 202
    else:
        full = [fill("9") | event for event in events]
        texts = list(Import(ID, NOW).events(enumerate(full))) if channel == "file" else map(json.dumps, full)
        bot.fills(*texts if channel == "file" else [f"[{','.join(texts)}]"])
    assert bot.rows("SELECT filled_quantity FROM trade_records") == [(3,)]
