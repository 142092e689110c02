"""Stand-ins for what a run works with."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from linkage.domain.canonical import sha256_hex
from linkage.domain.errors import DeliveryError, RefusedError, StateChangedError
from linkage.ports.market import Candles
from linkage.ports.sink import SinkReply

INTERVAL = 300
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass
class FakeSink:
    """A ``SignalSink`` that keeps bodies by key; ``failures`` symbols get no answer, ``refused`` a 422."""

    bodies: dict[str, Mapping[str, object]] = field(default_factory=dict)
    posts: list[str] = field(default_factory=list)
    failures: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __len__(self) -> int:
        return len(self.bodies)

    def post(self, body: Mapping[str, object]) -> SinkReply:
        """See ``ports.sink.SignalSink``."""
        key = str(body["client_order_id"])
        with self._lock:
            if body["symbol"] in self.failures:
                raise DeliveryError("told to fail")
            if body["symbol"] in self.refused:
                raise RefusedError("told to refuse", 422)
            self.posts.append(key)
            if key not in self.bodies:
                self.bodies[key] = dict(body)
                return SinkReply("stored")
            return SinkReply("repeated" if self.bodies[key] == dict(body) else "conflict")


@dataclass
class FakeStates:
    """A ``StateStore`` in a dictionary."""

    kept: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)

    def load(self, strategy: str, arm: str) -> tuple[str | None, int]:
        """See ``ports.state.StateStore``."""
        return self.kept.get((strategy, arm), (None, 0))

    def save(self, strategy: str, arm: str, *, body: str, version: int, saved_at: datetime) -> None:
        """See ``ports.state.StateStore``."""
        if self.kept.get((strategy, arm), ("", 0))[1] != version:
            raise StateChangedError("another version is there")
        self.kept[(strategy, arm)] = (body, version + 1)


@dataclass
class FakeParameters:
    """A ``ParameterSource`` with one text."""

    text: str | None = None

    def document(self) -> str | None:
        """See ``ports.parameters.ParameterSource``."""
        return self.text


@dataclass
class ArrayMarket:
    """A ``MarketData`` over closes; the last one's bar ends at ``end``. Every bar is a line."""

    closes: dict[str, Sequence[float]]
    end: datetime = NOON

    def symbols(self) -> Sequence[str]:
        """See ``ports.market.MarketData``."""
        return sorted(self.closes)

    def candles(
        self, symbols: Sequence[str], *, as_of: datetime, bars: int, interval_seconds: int
    ) -> Candles:
        """See ``ports.market.MarketData``."""
        known = [symbol for symbol in sorted(symbols) if symbol in self.closes]
        offset = int((self.end - as_of).total_seconds()) // interval_seconds
        rows = []
        for symbol in known:
            series = list(self.closes[symbol])
            series = series[: len(series) - offset] if offset else series
            rows.append([np.nan] * max(0, bars - len(series)) + series[-bars:])
        closes = np.array(rows, dtype=np.float64).reshape(len(known), bars)
        opens = np.concatenate([closes[:, :1], closes[:, :-1]], axis=1)
        end = int(as_of.timestamp())
        times = end - interval_seconds * np.arange(bars, 0, -1, dtype=np.int64)
        volumes = np.full_like(closes, 10.0)
        refused = {symbol: "unknown_symbol" for symbol in symbols if symbol not in self.closes}
        highs, lows = np.maximum(opens, closes), np.minimum(opens, closes)
        return Candles(
            symbols=tuple(known), interval_seconds=interval_seconds, times=times,
            opens=opens, highs=highs, lows=lows, closes=closes, volumes=volumes,
            refused=refused,
        )  # fmt: skip


def wave(length: int = 400, *, name: str = "A") -> list[float]:
    """Return a close that swings a little and then falls for eight bars."""
    seed = int(sha256_hex(name)[:8], 16)
    noise = np.random.default_rng(seed).normal(0, 0.05, length)
    path = 100 + np.sin(np.arange(length) / 9) + noise
    path[-8:] -= np.arange(1, 9) * 0.9
    return [float(value) for value in path]


def later(bars: int) -> datetime:
    """Return noon plus so many bars."""
    return NOON + timedelta(seconds=INTERVAL * bars)
