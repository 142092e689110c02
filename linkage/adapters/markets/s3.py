"""Candles from files in a bucket; which files, in ``candle_files``."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from linkage.adapters.markets.candle_files import Series, file_names, on_grid, read_candles, symbol_of
from linkage.domain.candle_bucket import CandleBucket
from linkage.domain.errors import MarketUnavailableError
from linkage.ports.market import Candles

READ_TIMEOUT = 5.0
RUN_SECONDS = 30.0
"""For all files of a run together; the paper broker has 60 s, and has to execute as well."""
READS_AT_ONCE = 8
LISTED_SECONDS = 10.0
"""Within a run, a list of the files is asked for once."""
MAX_OBJECT_BYTES = 16_000_000
KEPT_BARS = 2_000_000
"""What a process keeps in memory, 48 bytes each."""

_REASONS = {
    "NoSuchKey": "object_missing",
    "404": "object_missing",
    "AccessDenied": "object_denied",
    "403": "object_denied",
}


@dataclass(frozen=True, slots=True)
class _Object:
    etag: str
    size: int


class S3Market:
    """A market whose candles are objects in S3.

    Only the objects of the wanted symbols and interval are read, side by side, and only those that changed
    since this process read them. A symbol whose object cannot be read is left out of the run; only when none
    can be read, the market is unavailable.

    Args:
        place: bucket and prefix.
        client: boto3's of S3.
        run_seconds: what is not there by then is left out.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        place: CandleBucket,
        client: Any,
        *,
        run_seconds: float = RUN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._place = place
        self._client = client
        self._run_seconds = run_seconds
        self._clock = clock
        self._listed: tuple[float, Mapping[str, _Object]] | None = None
        self._kept: OrderedDict[str, tuple[str, Series]] = OrderedDict()
        self._parsing = threading.Lock()

    def symbols(self) -> Sequence[str]:
        """Return every symbol that has a file of any interval, sorted."""
        names = (symbol_of(name) for name in self._objects())
        return sorted({name for name in names if name is not None})

    def candles(
        self, symbols: Sequence[str], *, as_of: datetime, bars: int, interval_seconds: int
    ) -> Candles:
        """Return the last bars that were closed at ``as_of``; see ``ports.market.MarketData``."""
        objects = self._objects()
        series: dict[str, Series] = {}
        refused: dict[str, str] = {}
        unread: dict[str, str] = {}
        for symbol in sorted(set(symbols)):
            name = next((key for key in file_names(symbol, interval_seconds) if key in objects), None)
            if name is None:
                refused[symbol] = "unknown_symbol"
            elif objects[name].size > MAX_OBJECT_BYTES:
                refused[symbol] = "object_too_large"
            elif (kept := self._recall(name, objects[name].etag)) is not None:
                series[symbol] = kept
            else:
                unread[name] = symbol
        read, failed = self._read_all(unread)
        if failed and not read and not series:
            name, reason = next(iter(failed.items()))
            raise MarketUnavailableError(f"{self._place}: {reason}, first {name!r}")
        series |= {unread[name]: one for name, one in read.items()}
        refused |= {unread[name]: reason for name, reason in failed.items()}
        return on_grid(series, refused, as_of=as_of, bars=bars, interval_seconds=interval_seconds)

    def _objects(self) -> Mapping[str, _Object]:
        """Return the candle files by name, without the prefix."""
        if self._listed is None or self._clock() - self._listed[0] > LISTED_SECONDS:
            self._listed = (self._clock(), self._list())
        return self._listed[1]

    def _list(self) -> Mapping[str, _Object]:
        prefix = self._place.prefix
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._place.bucket, Prefix=prefix, Delimiter="/"
            )
            objects = {
                str(listed["Key"]).removeprefix(prefix): _Object(str(listed["ETag"]), int(listed["Size"]))
                for page in pages
                for listed in page.get("Contents", ())
            }
        except (ClientError, BotoCoreError) as error:
            raise MarketUnavailableError(f"{self._place} cannot be listed: {_name_of(error)}") from error
        if not any(symbol_of(name) for name in objects):
            raise MarketUnavailableError(f"there are no candle files in {self._place}")
        return objects

    def _read_all(self, names: Mapping[str, str]) -> tuple[dict[str, Series], dict[str, str]]:
        """Return the files that came in time, and of the others the reasons, by name."""
        if not names:
            return {}, {}
        pool = ThreadPoolExecutor(max_workers=min(READS_AT_ONCE, len(names)))
        tasks: dict[Future[tuple[str, Series]], str] = {pool.submit(self._read, name): name for name in names}
        done, late = wait(tasks, timeout=self._run_seconds)
        pool.shutdown(wait=False, cancel_futures=True)
        failed = {tasks[task]: "object_too_slow" for task in late}
        read: dict[str, Series] = {}
        for task in done:
            try:
                etag, series = task.result()
            except (ClientError, BotoCoreError) as error:
                failed[tasks[task]] = _REASONS.get(_name_of(error), "object_error")
                continue
            read[tasks[task]] = series
            self._keep(tasks[task], etag, series)
        return read, dict(sorted(failed.items()))

    def _read(self, name: str) -> tuple[str, Series]:
        answer = self._client.get_object(Bucket=self._place.bucket, Key=f"{self._place.prefix}{name}")
        content = answer["Body"].read()
        # One at a time: what a file becomes on the way to its arrays is many times larger than it.
        with self._parsing:
            return str(answer["ETag"]), read_candles(name, content)

    def _recall(self, name: str, etag: str) -> Series | None:
        known = self._kept.get(name)
        if known is None or known[0] != etag:
            return None
        self._kept.move_to_end(name)
        return known[1]

    def _keep(self, name: str, etag: str, series: Series) -> None:
        self._kept[name] = (etag, series)
        self._kept.move_to_end(name)
        bars = sum(len(one.times) for _, one in self._kept.values())
        while bars > KEPT_BARS:
            _, (_, oldest) = self._kept.popitem(last=False)
            bars -= len(oldest.times)


def _name_of(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "unknown"))
    return type(error).__name__
