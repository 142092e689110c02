"""A run whose market is a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from functions.sighook.service import run
from linkage.adapters.markets.files import FileMarket
from linkage.adapters.markets.selection import market_from
from linkage.adapters.markets.simulated import SimulatedMarket
from linkage.runtime.dependencies import reset
from tests.functions.sighook.fakes import NOON, FakeParameters
from tests.functions.sighook.test_service import World

EAGER = "score_buy_target = 1.0\nscore_sell_target = 1.0\nmin_indicators = 1\nclean_bars = 10\n"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        reset()
        client = boto3.client("s3")
        client.create_bucket(Bucket="candles")
        yield client
        reset()


def test_a_run_over_a_bucket_publishes_what_a_run_over_the_same_folder_does(s3: Any, tmp_path: Path) -> None:
    SimulatedMarket(1).write_files(tmp_path, end=NOON, bars=400)
    broken = sorted(tmp_path.iterdir())[0]
    broken.write_bytes(b"no gzip")
    for path in tmp_path.iterdir():
        s3.put_object(Bucket="candles", Key=f"spot/{path.name}", Body=path.read_bytes())
    bodies = []
    for market in (FileMarket(tmp_path), market_from("s3://candles/spot")):
        world = World(market=market, parameters=FakeParameters(EAGER))  # type: ignore[arg-type]
        completed = run(NOON, world.deployment, world.ports)
        assert completed.seen > 0  # type: ignore[union-attr]
        assert completed.skipped[broken.name.partition("_")[0]] == "unreadable_row"  # type: ignore[union-attr]
        bodies.append(world.sink.bodies)
    assert bodies[0]
    assert bodies[0] == bodies[1]
