"""A bucket's candles are those of the folder that was copied there; what cannot be read is left out."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import polars
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from linkage.adapters.markets import s3
from linkage.adapters.markets.files import FileMarket
from linkage.adapters.markets.s3 import S3Market
from linkage.adapters.markets.selection import market_from
from linkage.domain.candle_bucket import CandleBucket, parse_candle_bucket
from linkage.domain.errors import ConfigurationError, MarketUnavailableError
from linkage.runtime.dependencies import reset
from tests.linkage.adapters.markets.test_markets import HEADER, NOON, line, parquet, write

PLACE = CandleBucket("candles", "spot/")


class Bucket:
    """boto3's client of S3, which notes what is asked of it, and fails where it is told to."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.lists = 0
        self.read: list[str] = []
        self.fails: dict[str, Exception] = {}
        self.answers = threading.Event()
        self.slow: set[str] = set()
        self.together = threading.Barrier(1)

    def put(self, name: str, content: bytes, prefix: str = PLACE.prefix) -> None:
        self.client.put_object(Bucket=PLACE.bucket, Key=f"{prefix}{name}", Body=content)

    def copy(self, folder: Path) -> None:
        for path in folder.iterdir():
            self.put(path.name, path.read_bytes())

    def get_paginator(self, operation: str) -> Any:
        self.lists += 1
        return self.client.get_paginator(operation)

    def get_object(self, **where: str) -> Any:
        name = where["Key"].removeprefix(PLACE.prefix)
        self.read.append(name)
        self.together.wait(timeout=5)
        if name in self.slow:
            self.answers.wait(timeout=5)
        if name in self.fails:
            raise self.fails[name]
        return self.client.get_object(**where)


class Seconds:
    """A clock of seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def cloud() -> Iterator[Any]:
    environment = {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-central-1",
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name, value in environment.items():
            patch.setenv(name, value)
        reset()
        client = boto3.client("s3")
        client.create_bucket(
            Bucket=PLACE.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        yield client
        reset()


@pytest.fixture
def bucket(cloud: Any) -> Bucket:
    for each in cloud.list_objects_v2(Bucket=PLACE.bucket).get("Contents", ()):
        cloud.delete_object(Bucket=PLACE.bucket, Key=each["Key"])
    return Bucket(cloud)


def candles(market: Any, *symbols: str, bars: int = 4) -> Any:
    return market.candles(symbols, as_of=NOON, bars=bars, interval_seconds=300)


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "GetObject")


def text(*minutes: int) -> bytes:
    return (HEADER + "".join(line(minute, -minute) for minute in minutes)).encode()


def test_a_bucket_gives_what_the_folder_gives_that_was_copied_there(bucket: Bucket, tmp_path: Path) -> None:
    write(tmp_path, "A-USD", line(-15, 1) + line(-5, 3))
    (tmp_path / "B-USD_5m.csv").write_bytes(text(-20, -10, -5))
    parquet(tmp_path, "C-USD", line(-15, 4) + line(-10, 5))
    write(tmp_path, "D-USD", line(-5) + line(-5))
    write(tmp_path, "E-USD", "yesterday,1,1,1,1,1\n")
    (tmp_path / "F-USD_5m.parquet").write_bytes(b"no parquet")
    (tmp_path / "README.txt").write_text("no candles")
    bucket.copy(tmp_path)
    bucket.put("G-USD_5m.csv", text(-5), prefix="spot/deeper/")
    bucket.put("H-USD_5m.csv", text(-5), prefix="other/")
    market, folder = market_from("s3://candles/spot"), FileMarket(tmp_path)

    assert market.symbols() == folder.symbols()
    wanted = (*folder.symbols(), "NO-SUCH")
    there, here = candles(market, *wanted), candles(folder, *wanted)
    assert (there.symbols, there.refused) == (here.symbols, here.refused)
    assert there.symbols == ("A-USD", "B-USD", "C-USD")
    for name in ("times", "opens", "highs", "lows", "closes", "volumes"):
        np.testing.assert_array_equal(getattr(there, name), getattr(here, name))


def test_only_the_wanted_files_are_read_and_a_run_lists_them_once(bucket: Bucket) -> None:
    for name in ("A-USD_5m.csv", "A-USD_1h.csv", "B-USD_5m.csv"):
        bucket.put(name, text(-5))
    market = S3Market(PLACE, bucket)
    market.symbols()
    candles(market, "A-USD")
    assert (bucket.lists, bucket.read) == (1, ["A-USD_5m.csv"])


def test_a_warm_process_reads_only_what_changed(bucket: Bucket) -> None:
    bucket.put("A-USD_5m.csv", text(-5))
    bucket.put("B-USD_5m.csv", text(-5))
    clock = Seconds()
    market = S3Market(PLACE, bucket, clock=clock)
    candles(market, "A-USD", "B-USD")
    bucket.read.clear()
    bucket.put("B-USD_5m.csv", text(-10, -5))
    clock.now = 300.0
    later = candles(market, "A-USD", "B-USD")
    assert bucket.read == ["B-USD_5m.csv"]
    np.testing.assert_array_equal(later.closes[:, -2:], [[np.nan, 5.0], [10.0, 5.0]])


def test_memory_is_bounded_and_the_oldest_goes_first(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "KEPT_BARS", 3)
    for symbol in "ABC":
        bucket.put(f"{symbol}-USD_5m.csv", text(-10, -5))
    market = S3Market(PLACE, bucket)
    for symbol in ("A-USD", "B-USD", "B-USD", "A-USD"):
        candles(market, symbol)
    assert bucket.read == ["A-USD_5m.csv", "B-USD_5m.csv", "A-USD_5m.csv"]


def test_files_are_read_side_by_side(bucket: Bucket) -> None:
    for symbol in "ABC":
        bucket.put(f"{symbol}-USD_5m.csv", text(-5))
    bucket.together = threading.Barrier(3)
    assert candles(S3Market(PLACE, bucket), "A-USD", "B-USD", "C-USD").symbols == ("A-USD", "B-USD", "C-USD")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (refusal("NoSuchKey"), "object_missing"),
        (refusal("AccessDenied"), "object_denied"),
        (refusal("SlowDown"), "object_error"),
        (ReadTimeoutError(endpoint_url="s3"), "object_error"),
    ],
)
def test_a_symbol_whose_file_cannot_be_read_is_left_out_with_its_reason(
    bucket: Bucket, error: Exception, reason: str
) -> None:
    bucket.put("A-USD_5m.csv", text(-5))
    bucket.put("B-USD_5m.csv", text(-5))
    bucket.fails = {"B-USD_5m.csv": error}
    market = S3Market(PLACE, bucket)
    found = candles(market, "A-USD", "B-USD")
    assert (found.symbols, dict(found.refused)) == (("A-USD",), {"B-USD": reason})
    with pytest.raises(MarketUnavailableError, match=f"s3://candles/spot: {reason}, first 'B-USD_5m.csv'"):
        candles(market, "B-USD")


def test_a_file_that_takes_too_long_or_is_too_large_is_left_out(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "MAX_OBJECT_BYTES", 500)
    bucket.put("A-USD_5m.csv", text(-5))
    bucket.put("B-USD_5m.csv", text(-5))
    bucket.put("C-USD_5m.csv", text(*range(-100, 0, 5)))
    bucket.slow = {"B-USD_5m.csv"}
    found = candles(S3Market(PLACE, bucket, run_seconds=0.5), "A-USD", "B-USD", "C-USD")
    bucket.answers.set()
    assert found.symbols == ("A-USD",)
    assert dict(found.refused) == {"B-USD": "object_too_slow", "C-USD": "object_too_large"}
    assert bucket.read == ["A-USD_5m.csv", "B-USD_5m.csv"]


def test_more_files_than_a_page_holds_are_all_seen(bucket: Bucket) -> None:
    class Pages:
        def get_paginator(self, operation: str) -> Any:
            self.pages = bucket.get_paginator(operation)
            return self

        def paginate(self, **where: Any) -> Any:
            return self.pages.paginate(**where, PaginationConfig={"PageSize": 2})

    for symbol in "ABCDE":
        bucket.put(f"{symbol}-USD_5m.csv", text(-5))
    assert len(S3Market(PLACE, Pages()).symbols()) == 5


def test_a_bucket_that_is_missing_denied_or_empty_is_said_by_its_name(bucket: Bucket) -> None:
    class Denied:
        def get_paginator(self, _operation: str) -> Any:
            return self

        def paginate(self, **_arguments: object) -> Iterator[Any]:
            raise refusal("AccessDenied")

    missing = CandleBucket("nobody-has-this", "")
    with pytest.raises(MarketUnavailableError, match="s3://nobody-has-this cannot be listed: NoSuchBucket"):
        S3Market(missing, bucket).symbols()
    with pytest.raises(MarketUnavailableError, match="s3://candles/spot cannot be listed: AccessDenied"):
        candles(S3Market(PLACE, Denied()), "A-USD")
    with pytest.raises(MarketUnavailableError, match="no candle files in s3://candles/spot"):
        S3Market(PLACE, bucket).symbols()


def test_parquet_of_many_files_at_once_is_read_right(bucket: Bucket) -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    times = [start + timedelta(minutes=5 * bar) for bar in range(200)]
    for number in range(12):
        frame = polars.DataFrame(
            {"time": times, **dict.fromkeys(("open", "high", "low", "close", "volume"), float(number))}
        )
        content = io.BytesIO()
        frame.write_parquet(content)
        bucket.put(f"S{number:02}-USD_5m.parquet", content.getvalue())
    market = S3Market(PLACE, bucket)
    found = market.candles(
        market.symbols(), as_of=start + timedelta(minutes=1000), bars=200, interval_seconds=300
    )
    np.testing.assert_array_equal(found.closes, np.repeat(np.arange(12.0)[:, None], 200, axis=1))


@pytest.mark.parametrize(
    ("address", "place", "spelling"),
    [
        ("s3://candles", ("candles", ""), "s3://candles"),
        ("s3://candles/", ("candles", ""), "s3://candles"),
        ("s3://my.candles/a/b=1/", ("my.candles", "a/b=1/"), "s3://my.candles/a/b=1"),
    ],
)
def test_an_address_names_a_bucket_and_a_prefix(address: str, place: Sequence[str], spelling: str) -> None:
    assert parse_candle_bucket(address) == CandleBucket(*place)
    assert str(parse_candle_bucket(address)) == spelling


@pytest.mark.parametrize(
    "address", ["s3:candles", "s3://", "s3://A", "s3://candles/*", "s3://candles//a", "files:x"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_candle_bucket(address)
