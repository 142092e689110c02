"""Public candles of an exchange through CCXT. No API key; the library is in the group ``exchange``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from linkage.adapters.markets.candle_files import SUFFIXES, Series, broken, on_grid
from linkage.domain.errors import ConfigurationError, MarketUnavailableError
from linkage.ports.market import Candles

TIMEOUT_MS = 10_000
RUN_SECONDS = 75.0
"""For all that a run asks for; the function has 120 s, and has to post its signals as well."""
PAGE = 300
"""Bars that are asked for at a time. Many an exchange gives fewer."""
REPEATS = 1
REPEAT_AFTER_MS = 1_000
"""How often, and after how long, a request is made again that failed on the way or came too often."""
REQUESTS_AT_ONCE = 8
TICKERS_SECONDS = 60.0


class CcxtMarket:
    """An exchange's candles. Requests overlap, and begin no faster than the exchange's rate limit allows.

    A symbol that the exchange gives no candles of is left out of the run; only when it gives none at all, it
    is unavailable.

    Args:
        exchange: CCXT's name of it, e.g. ``coinbase``.
        client: a CCXT exchange; made from the name when not given.
        run_seconds: what is not there by then is left out.
    """

    def __init__(self, exchange: str, client: Any = None, *, run_seconds: float = RUN_SECONDS) -> None:
        self._exchange = client if client is not None else connect(exchange)
        self._run_seconds = run_seconds
        self._tickers: tuple[float, Mapping[str, Any]] | None = None

    def symbols(self) -> Sequence[str]:
        """Return every active spot symbol, BASE-QUOTE, sorted."""
        markets = self._call(self._exchange.load_markets)
        spot = (
            market for market in markets.values() if market.get("spot") and market.get("active") is not False
        )
        return sorted({f"{market['base']}-{market['quote']}" for market in spot})

    def quote_volumes(self) -> Mapping[str, float]:
        """Return the last day's volume by symbol, each in its quote currency.

        Raises:
            MarketUnavailableError: the exchange has no volume data, or is unavailable.
        """
        volumes: dict[str, float] = {}
        for name, ticker in self._all_tickers().items():
            volume, last, base = (ticker.get(key) for key in ("quoteVolume", "last", "baseVolume"))
            if volume is None and last is not None and base is not None:
                volume = float(last) * float(base)
            volumes[name.replace("/", "-")] = float(volume or 0.0)
        if not volumes:
            raise MarketUnavailableError("the exchange has no volume data")
        return volumes

    def candles(
        self, symbols: Sequence[str], *, as_of: datetime, bars: int, interval_seconds: int
    ) -> Candles:
        """Return the last bars that were closed at ``as_of``; see ``ports.market.MarketData``."""
        if interval_seconds not in SUFFIXES:
            raise MarketUnavailableError(f"no candles of {interval_seconds} seconds")
        deadline = time.monotonic() + self._run_seconds
        markets = self._call(self._exchange.load_markets)
        end = int(as_of.timestamp()) // interval_seconds * interval_seconds
        start = end - bars * interval_seconds
        wanted = sorted(set(symbols))
        refused = {symbol: "unknown_symbol" for symbol in wanted if symbol.replace("-", "/") not in markets}
        known = [symbol for symbol in wanted if symbol not in refused]
        pool = ThreadPoolExecutor(max_workers=REQUESTS_AT_ONCE)
        tickers = pool.submit(self._all_tickers)
        tasks = {
            pool.submit(self._series, symbol.replace("-", "/"), start, end, interval_seconds): symbol
            for symbol in known
        }
        everything: list[Future[Any]] = [tickers, *tasks]
        wait(everything, timeout=deadline - time.monotonic())
        pool.shutdown(wait=False, cancel_futures=True)
        series = _series_in_time(tasks, refused)
        candles = on_grid(series, refused, as_of=as_of, bars=bars, interval_seconds=interval_seconds)
        return replace(candles, spreads=_spreads(tickers, candles.symbols))

    def _series(self, name: str, start: int, end: int, interval_seconds: int) -> Series:
        rows: dict[int, list[float]] = {}
        since = start
        while since < end:
            page = self._call(
                self._exchange.fetch_ohlcv, name, SUFFIXES[interval_seconds], since * 1000, PAGE
            )
            try:
                bars = {int(row[0]) // 1000: [_number(value) for value in row[1:6]] for row in page}
            except (TypeError, ValueError, IndexError):
                return broken("unreadable_row")
            if any(len(values) != 5 for values in bars.values()):
                return broken("unreadable_row")
            if len(bars) < len(page):
                return broken("duplicate_or_unsorted_bars")
            rows |= bars
            reached = max(bars, default=0)
            since = reached + interval_seconds if reached >= since else since + PAGE * interval_seconds
        closed = sorted(moment for moment in rows if moment + interval_seconds <= end)
        block = np.array([rows[moment] for moment in closed], dtype=np.float64).reshape(-1, 5).T
        return Series(np.array(closed, dtype=np.int64), np.ascontiguousarray(block))

    def _all_tickers(self) -> Mapping[str, Any]:
        if not self._exchange.has.get("fetchTickers"):
            return {}
        if self._tickers is None or time.monotonic() - self._tickers[0] > TICKERS_SECONDS:
            self._tickers = (time.monotonic(), self._call(self._exchange.fetch_tickers))
        return self._tickers[1]

    def _call(self, method: Any, *arguments: Any) -> Any:
        import ccxt

        try:
            return method(*arguments)
        except ccxt.BaseError as error:
            raise MarketUnavailableError(f"the exchange gave no candles: {type(error).__name__}") from error


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _series_in_time(tasks: Mapping[Future[Series], str], refused: dict[str, str]) -> dict[str, Series]:
    """Return the bars of each symbol that are there; the others' reasons go to ``refused``.

    Raises:
        MarketUnavailableError: none is there, although some were asked for.
    """
    series: dict[str, Series] = {}
    problem = "all of them too slow"
    for task, symbol in tasks.items():
        if not task.done() or task.cancelled():
            refused[symbol] = "exchange_too_slow"
            continue
        try:
            series[symbol] = task.result()
        except MarketUnavailableError as error:
            refused[symbol] = "exchange_error"
            problem = str(error)
    if tasks and not series:
        raise MarketUnavailableError(problem)
    return series


def _spreads(tickers: Future[Mapping[str, Any]], symbols: Sequence[str]) -> dict[str, float]:
    """Return (ask - bid) / mid where the exchange answered both in time."""
    if not tickers.done() or tickers.cancelled():
        return {}
    try:
        by_symbol = tickers.result()
    except MarketUnavailableError:
        # Without it the guardrail says nothing; candles are no worse for that.
        return {}
    spreads = {}
    for symbol in symbols:
        ticker = by_symbol.get(symbol.replace("-", "/"), {})
        bid, ask = ticker.get("bid"), ticker.get("ask")
        if bid and ask and 0 < float(bid) <= float(ask):
            spreads[symbol] = 2 * (float(ask) - float(bid)) / (float(ask) + float(bid))
    return spreads


def connect(exchange: str) -> Any:
    """Return CCXT's client of an exchange, which waits for its turn and repeats what failed on the way.

    Raises:
        ConfigurationError: CCXT is not installed, or knows no such exchange.
    """
    try:
        import ccxt
    except ImportError:
        raise ConfigurationError("the group exchange is not installed", field="market") from None
    if exchange not in ccxt.exchanges:
        raise ConfigurationError(f"CCXT knows no exchange {exchange!r}", field="market")
    repeats = {"maxRetriesOnFailure": REPEATS, "maxRetriesOnFailureDelay": REPEAT_AFTER_MS}
    client = getattr(ccxt, exchange)({"enableRateLimit": True, "timeout": TIMEOUT_MS, "options": repeats})
    client.throttle = one_at_a_time(client)
    return client


def one_at_a_time(client: Any) -> Callable[[Any], None]:
    """Return the client's own rate limiter, made safe for threads.

    CCXT waits until the last request is long enough ago, and notes a request only once it has begun: two
    threads would begin theirs together.
    """
    lock = threading.Lock()
    throttle = client.throttle

    def wait_for_turn(cost: Any = None) -> None:
        with lock:
            throttle(cost)
            client.lastRestRequestTimestamp = client.milliseconds()

    return wait_for_turn
