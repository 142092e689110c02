"""A schedule that fires twice at one moment: two processes of sighook, the real webhook, the real ledger."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.sighook.runs import Completed, Deployment, NotRun
from functions.sighook.service import Ports, run
from linkage.adapters.dynamodb.signals import DynamoSignalStore
from linkage.adapters.dynamodb.state import DynamoStateStore
from linkage.ports.sink import SinkReply
from strategies.matrix.strategy import MATRIX
from tests.functions.sighook.fakes import ArrayMarket, FakeParameters, wave
from tests.scenarios.world import ACCOUNT, VENUE, World
from tests.support.dynamodb import OneCallAtATime
from tests.support.events import NOW

EASY = "score_buy_target = 3.0\nclean_bars = 10\n"
ARMS = EASY + "[arms.main]\nshare = 0.5\n[arms.other]\nshare = 0.5\nscore_buy_target = 3.1\n"
NAMES = [f"{letter}-USD" for letter in "ABCDEF"]


class WebhookSink:
    """A ``SignalSink`` that calls the webhook's handler."""

    def __init__(self, world: World) -> None:
        self._world = world

    def post(self, body: Mapping[str, object]) -> SinkReply:
        """See ``ports.sink.SignalSink``."""
        with OneCallAtATime.lock:
            status, reply = self._world.post("/v1/signals", body)
        if status == 409:
            return SinkReply("conflict")
        assert status in (200, 201, 202), reply
        return SinkReply("repeated" if reply["outcome"] == "repeated" else "stored")


class Together(ArrayMarket):
    """A market that lets nobody go on before both are there."""

    meeting: threading.Barrier

    def candles(self, symbols: Any, **arguments: Any) -> Any:
        """See ``ports.market.MarketData``."""
        self.meeting.wait(timeout=20)
        return super().candles(symbols, **arguments)


@pytest.mark.parametrize(
    ("documents", "arms"),
    [
        ((EASY, EASY), 1),
        ((ARMS, ARMS), 2),
        # Between their looks at the parameters somebody changed these.
        ((EASY, "score_buy_target = 2.9\nclean_bars = 10\n"), 1),
    ],
)
def test_two_sighooks_at_one_moment_make_one_run_one_set_of_signals_and_one_activation(
    world: World, documents: tuple[str, str], arms: int
) -> None:
    meeting = threading.Barrier(2)

    def sighook(document: str) -> Completed | NotRun:
        client = OneCallAtATime(world.table.client)
        market = Together({name: wave(name="A-USD") for name in NAMES}, NOW)
        market.meeting = meeting
        ports = Ports(
            market=market,
            store=DynamoSignalStore(world.table.name, client, world.clock),
            sink=WebhookSink(world),
            states=DynamoStateStore(world.table.name, client),
            parameters=FakeParameters(document),
            clock=world.clock,
        )
        return run(NOW, Deployment("test", VENUE, ACCOUNT, MATRIX), ports)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(sighook, documents)
    world.stream()

    assert isinstance(first, Completed)
    assert isinstance(second, Completed)
    assert first.run_id == second.run_id
    assert first.count("stored") + second.count("stored") == len(NAMES)
    assert first.count("repeated") + second.count("repeated") == len(NAMES)
    assert world.count("strategy_signals") == len(NAMES)
    assert world.count("strategy_runs") == world.count("strategy_activations") == arms
    assert world.rows("SELECT count(*) FROM strategy_activations WHERE deactivated_at IS NULL") == [(arms,)]
    assert world.rows("SELECT count(DISTINCT (arm, snapshot_id)) FROM strategy_signals") == [(arms,)]
