"""The foreign bot speaks the existing bot's language, and its receiver notices every changed byte."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import urllib3

from demo.api import Api, Reply
from demo.foreign import (
    ACCOUNT,
    COURSES,
    SNAPSHOTS,
    VENUE,
    ForeignTrade,
    UnexpectedReplyError,
    act,
    all_trades,
    plan,
    receiver,
)
from demo.market import BAR, Candle, PreparedMarket, prepare
from linkage.contracts.events import FillEvent
from linkage.sources import bottrader, generic
from linkage.sources.sender import Sender
from tests.support.clock import FrozenClock

NOW = datetime(2026, 11, 22, 19, 33, tzinfo=UTC)
SENDER = Sender("matrix", source="bottrader", venue=VENUE, account=ACCOUNT)


@pytest.fixture
def market(tmp_path: Path) -> PreparedMarket:
    start = datetime(2018, 1, 10, tzinfo=UTC)
    bars = [Candle(start + BAR * n, "5e-05", "5.4e-05", "5e-05", "5.29e-05", "1") for n in range(500)]
    return prepare({f"C{n}-BTC": bars for n in range(6)}, tmp_path / "m", source="t", now=NOW, bars=150)


@pytest.fixture
def trades(market: PreparedMarket) -> list[ForeignTrade]:
    return all_trades(plan(market, seed=1))


class Recorder(Api):
    """An API that takes everything and remembers it."""

    def __init__(self, status: int = 200) -> None:
        super().__init__("http://127.0.0.1:9", keys=(), clock=FrozenClock(NOW))
        self.status = status
        self.posts: list[tuple[str, bytes]] = []

    def post_as_bot(self, path: str, body: bytes, token: str) -> Reply:
        self.posts.append((path, body))
        return Reply(self.status, {})


def test_a_plan_is_the_same_for_one_seed_and_uses_every_course_and_both_snapshots(
    market: PreparedMarket, trades: list[ForeignTrade]
) -> None:
    assert trades == all_trades(plan(market, seed=1))
    assert trades != all_trades(plan(market, seed=2))
    assert {trade.course for trade in trades} == set(COURSES)
    assert {trade.snapshot_id for trade in trades} == set(SNAPSHOTS)
    assert len({trade.symbol for trade in trades}) == 4
    assert len({trade.client_order_id for trade in trades}) == len(trades)


def test_nothing_is_planned_that_would_happen_after_now(market: PreparedMarket) -> None:
    assert max(plan(market, seed=1, share=1.0)) == market.runs[-3]


def test_its_post_is_read_as_what_was_planned(trades: list[ForeignTrade]) -> None:
    for trade in trades:
        signal = bottrader.read_signal(json.loads(trade.signal_body()), SENDER, NOW)
        assert signal.snapshot_id == trade.snapshot_id
        assert (signal.symbol, signal.side, signal.trigger) == (trade.symbol, trade.side, trade.trigger)
        assert (signal.buy_score, signal.sell_score) == (trade.buy_score, trade.sell_score)
        assert signal.signalled_at == trade.decided_at
        assert (signal.notional is None) == (trade.side == "sell")


def test_its_fills_know_no_key_and_add_up(trades: list[ForeignTrade]) -> None:
    for trade in trades:
        elements = [json.loads(body) for body in trade.fill_bodies()]
        reading = generic.read_events(elements, SENDER, default_type="fill", signals={}, now=NOW)
        assert not reading.refused
        fills = [event for event in reading.events if isinstance(event, FillEvent)]
        assert all(fill.client_order_id is None for fill in fills)
        assert sum(fill.quantity or 0 for fill in fills) == trade.quantity
        assert len({fill.fill_id for fill in fills}) == (2 if trade.course == "partial fills" else 1)


def test_a_rejected_order_has_its_signal_and_no_fill(trades: list[ForeignTrade]) -> None:
    trade = next(trade for trade in trades if trade.course == "rejected")
    api = Recorder()
    act(trade, api, "token")
    assert [path for path, _ in api.posts] == ["/webhook", "/v1/orders"]
    assert json.loads(api.posts[1][1])["status"] == "rejected"


def test_repetitions_are_counted_and_fills_may_outrun_their_signal(trades: list[ForeignTrade]) -> None:
    twice = next(trade for trade in trades if trade.course == "duplicated")
    assert act(twice, Recorder(), "token") == 3
    early = next(trade for trade in trades if trade.course == "fill first")
    api = Recorder()
    assert act(early, api, "token") == 0
    assert [path for path, _ in api.posts] == ["/v1/fills/generic", "/v1/orders", "/webhook"]


def test_a_refusal_of_the_api_ends_the_replay(trades: list[ForeignTrade]) -> None:
    with pytest.raises(UnexpectedReplyError, match="answered 422"):
        act(trades[0], Recorder(422), "token")


def test_the_receiver_finds_what_is_changed_missing_or_doubled(trades: list[ForeignTrade]) -> None:
    with receiver() as behind:
        for trade in trades[:3]:
            reply = urllib3.request("POST", behind.url, body=trade.signal_body())
            assert reply.status == 200
        assert behind.differences(trades[:3]) == []
        assert len(behind.differences(trades[:4])) == 1
        urllib3.request("POST", behind.url, body=trades[0].signal_body())
        assert "2 times instead of 1" in behind.differences(trades[:3])[0]
        urllib3.request("POST", behind.url, body=trades[3].signal_body().replace(b": ", b":"))
        assert len(behind.differences(trades[:4])) == 3
