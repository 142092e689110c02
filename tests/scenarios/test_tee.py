"""Behind the tee: the real webhook, its table, and a receiver that counts what it is asked to place."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from linkage.runtime.dependencies import reset
from tests.scenarios.test_scenarios import OLD_BOT_POST
from tests.scenarios.world import World
from tests.support.dynamodb import OneCallAtATime, ShortCut, replace_client
from tests.support.webhook import listening

KEY = OLD_BOT_POST["order_id"].replace("-", "")
SECONDS = 0.5
"""In the place of three: what is waited for is an answer, not a number of seconds."""


def test_scenario_45_the_same_post_twice_while_the_receiver_is_slow_is_one_order_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening() as receiver:
        receiver.seconds = SECONDS
        world.register("grid1", source="bottrader", forward_url=receiver.url)
        replace_client(monkeypatch, "dynamodb", lambda: OneCallAtATime(ShortCut()))
        reset()
        # One request before they meet: what a process builds once is built by then.
        assert world.post("/v1/snapshots", {"strategy": "s", "parameters": {"a": 1}}, bot="grid1")[0] == 200
        meeting = threading.Barrier(2)

        def post(_number: int) -> tuple[int, str]:
            meeting.wait(timeout=20)
            status, reply = world.post("/webhook", OLD_BOT_POST, bot="grid1")
            return status, reply["outcome"]

        with ThreadPoolExecutor(2) as pool:
            answers = sorted(pool.map(post, range(2)))
        much_later = world.post("/webhook", OLD_BOT_POST, bot="grid1")

    assert [headers["idempotency-key"] for headers, _ in receiver.requests] == [KEY]
    assert answers == [(200, "repeated"), (200, "stored")]
    assert (much_later[0], much_later[1]["outcome"]) == (200, "repeated")
    world.stream()
    assert world.count("strategy_signals") == 1
