"""Where the replayed candles come from: a folder, an exchange, or a simulation, which is labelled as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from demo.market import BAR, WARM_UP_BARS, Candle, Candles, last_closed_bar, read_candles
from linkage.adapters.markets.exchange import CcxtMarket
from linkage.adapters.markets.simulated import SimulatedMarket
from linkage.domain.errors import InvalidInputError
from linkage.ports.market import Candles as CandleBlock
from linkage.ports.market import MarketData

SIMULATED_END = datetime(2026, 1, 31, tzinfo=UTC)
"""The simulation is cut here, so that one seed gives one market whenever it is replayed."""

EXCHANGE_BASES = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "AVAX", "LINK")
EXCHANGE_QUOTES = ("USD", "USDT", "USDC", "EUR")


def from_folder(folder: Path) -> tuple[Candles, str]:
    """Return the candles of a folder, and what they are."""
    return read_candles(folder), f"candle files of {folder}, shifted in time to end now"


def from_simulation(seed: int, *, bars: int) -> tuple[Candles, str]:
    """Return simulated candles, and that they are simulated."""
    market = SimulatedMarket(seed)
    return (
        _fetch(market, market.symbols(), SIMULATED_END, bars),
        f"simulation with seed {seed}: not a real market",
    )


def from_exchange(name: str, *, bars: int, now: datetime) -> tuple[Candles, str]:
    """Return the latest public candles of an exchange.

    Raises:
        MarketUnavailableError: the exchange does not answer.
        InvalidInputError: it has no market that the demonstration knows.
    """
    market = CcxtMarket(name)
    listed = set(market.symbols())
    pairs = [[f"{base}-{quote}" for quote in EXCHANGE_QUOTES] for base in EXCHANGE_BASES]
    symbols = [
        available[0] for pair in pairs if (available := [symbol for symbol in pair if symbol in listed])
    ]
    if not symbols:
        raise InvalidInputError(f"{name} has none of the usual markets", field="exchange")
    return _fetch(market, symbols, last_closed_bar(now) + BAR, bars), f"public candles of {name}"


def _fetch(market: MarketData, symbols: Sequence[str], end: datetime, bars: int) -> Candles:
    block = market.candles(
        symbols, as_of=end, bars=bars + WARM_UP_BARS, interval_seconds=int(BAR.total_seconds())
    )
    return bars_of(block)


def bars_of(block: CandleBlock) -> Candles:
    """Return the bars of a block of arrays, by symbol."""
    series: dict[str, list[Candle]] = {}
    for row, symbol in enumerate(block.symbols):
        columns = (block.opens[row], block.highs[row], block.lows[row], block.closes[row], block.volumes[row])
        bars = []
        for column, start in enumerate(block.times):
            values = [float(prices[column]) for prices in columns]
            if not any(math.isnan(value) for value in values):
                moment = datetime.fromtimestamp(int(start), UTC)
                bars.append(Candle(moment, *(f"{value:.10g}" for value in values)))
        if bars:
            series[symbol] = bars
    return series
