"""Some of the candles: of a symbol, of a few bars, up to the last closed one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from linkage.ports.market import Candles


def last_close(now: datetime, interval_seconds: int) -> datetime:
    """Return when the last closed bar ended, aware UTC."""
    return datetime.fromtimestamp(int(now.timestamp()) // interval_seconds * interval_seconds, UTC)


def only_symbol(candles: Candles, symbol: str) -> Candles:
    """Return the candles of one symbol; without a row, and with the reason, where it has none."""
    found = only_symbols(candles, [symbol])
    if found.symbols:
        return found
    return replace(found, refused={symbol: candles.refused.get(symbol, "unknown_symbol")})


def only_symbols(candles: Candles, symbols: Collection[str]) -> Candles:
    """Return the candles of some symbols; of spreads and refusals, only what is theirs."""
    rows = [row for row, symbol in enumerate(candles.symbols) if symbol in symbols]
    return replace(
        candles,
        symbols=tuple(candles.symbols[row] for row in rows),
        opens=candles.opens[rows],
        highs=candles.highs[rows],
        lows=candles.lows[rows],
        closes=candles.closes[rows],
        volumes=candles.volumes[rows],
        spreads={symbol: spread for symbol, spread in candles.spreads.items() if symbol in symbols},
        refused={symbol: reason for symbol, reason in candles.refused.items() if symbol in symbols},
    )


def only_bars(candles: Candles, first: int, end: int) -> Candles:
    """Return the candles of the bars from ``first`` to before ``end``, as positions in ``times``."""
    bars = slice(first, end)
    return replace(
        candles,
        times=candles.times[bars],
        opens=candles.opens[:, bars],
        highs=candles.highs[:, bars],
        lows=candles.lows[:, bars],
        closes=candles.closes[:, bars],
        volumes=candles.volumes[:, bars],
    )


def candles_of(candles: Candles, symbols: Iterable[str], bars: int) -> Candles:
    """Return the last bars of some symbols; of what the market refused, only what is among them."""
    last = only_bars(candles, max(0, len(candles.times) - bars), len(candles.times))
    return only_symbols(last, frozenset(symbols))
