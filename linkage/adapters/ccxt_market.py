"""Public candles of an exchange through CCXT. No API key; the library is in the group ``exchange``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from linkage.adapters.file_market import SUFFIXES, Series, on_grid
from linkage.domain.errors import ConfigurationError, MarketUnavailableError
from linkage.ports import Candles

TIMEOUT_MS = 10_000
PAGE = 300


class CcxtMarket:
    """An exchange's candles. Requests follow each other at the exchange's own rate limit.

    Args:
        exchange: CCXT's name of it, e.g. ``coinbase``.
        client: a CCXT exchange; made from the name when not given.
    """

    def __init__(self, exchange: str, client: Any = None) -> None:
        self._exchange = client if client is not None else _connect(exchange)

    def symbols(self) -> Sequence[str]:
        """Return every active spot symbol, BASE-QUOTE, sorted."""
        markets = self._call(self._exchange.load_markets)
        spot = (
            market for market in markets.values() if market.get("spot") and market.get("active") is not False
        )
        return sorted({f"{market['base']}-{market['quote']}" for market in spot})

    def candles(
        self, symbols: Sequence[str], *, as_of: datetime, bars: int, interval_seconds: int
    ) -> Candles:
        """Return the last bars that were closed at ``as_of``; see ``ports.MarketData``."""
        if interval_seconds not in SUFFIXES:
            raise MarketUnavailableError(f"no candles of {interval_seconds} seconds")
        markets = self._call(self._exchange.load_markets)
        end = int(as_of.timestamp()) // interval_seconds * interval_seconds
        series: dict[str, Series] = {}
        refused: dict[str, str] = {}
        for symbol in sorted(set(symbols)):
            name = symbol.replace("-", "/")
            if name not in markets:
                refused[symbol] = "unknown_symbol"
                continue
            series[symbol] = self._series(name, end - bars * interval_seconds, end, interval_seconds)
        return on_grid(series, refused, as_of=as_of, bars=bars, interval_seconds=interval_seconds)

    def _series(self, name: str, start: int, end: int, interval_seconds: int) -> Series:
        rows: dict[int, Sequence[float | None]] = {}
        since = start
        while since < end:
            page = self._call(
                self._exchange.fetch_ohlcv, name, SUFFIXES[interval_seconds], since * 1000, PAGE
            )
            rows.update({int(row[0]) // 1000: row[1:6] for row in page})
            since = max(since + PAGE * interval_seconds, max(rows, default=0) + interval_seconds)
        closed = sorted(time for time in rows if time + interval_seconds <= end)
        values = [[np.nan if value is None else float(value) for value in rows[time]] for time in closed]
        block = np.array(values, dtype=np.float64).reshape(-1, 5).T
        return Series(np.array(closed, dtype=np.int64), np.ascontiguousarray(block))

    def _call(self, method: Any, *arguments: Any) -> Any:
        import ccxt

        try:
            return method(*arguments)
        except ccxt.BaseError as error:
            raise MarketUnavailableError(f"the exchange gave no candles: {type(error).__name__}") from error


def _connect(exchange: str) -> Any:
    try:
        import ccxt
    except ImportError:
        raise ConfigurationError("the group exchange is not installed", field="market") from None
    if exchange not in ccxt.exchanges:
        raise ConfigurationError(f"CCXT knows no exchange {exchange!r}", field="market")
    return getattr(ccxt, exchange)({"enableRateLimit": True, "timeout": TIMEOUT_MS})
