"""Which market a setting names, and which of its symbols. A process imports no other market's adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from linkage.domain.errors import ConfigurationError
from linkage.domain.universe import Universe, parse_universe, quote_of
from linkage.ports.market import Candles, MarketData


@runtime_checkable
class VolumeMarket(Protocol):
    """A market that knows what is traded most."""

    def quote_volumes(self) -> Mapping[str, float]:
        """Return the last day's volume by symbol, each in its quote currency."""
        ...


class SelectedMarket:
    """A market of which only a universe is seen.

    Args:
        market: of which.
        universe: with a quote currency, a number of the most traded, or both.

    Raises:
        ConfigurationError: the most traded are asked for, and the market does not know its volumes.
    """

    def __init__(self, market: MarketData, universe: Universe) -> None:
        if universe.top is not None and not isinstance(market, VolumeMarket):
            raise ConfigurationError("top: needs a market with volume data, an exchange", field="symbols")
        self._market = market
        self._universe = universe

    def symbols(self) -> Sequence[str]:
        """Return every symbol of the universe, sorted."""
        quote, top = self._universe.quote, self._universe.top
        symbols = [symbol for symbol in self._market.symbols() if quote is None or quote_of(symbol) == quote]
        if top is None or not isinstance(self._market, VolumeMarket):
            return symbols
        volumes = self._market.quote_volumes()
        ranked = sorted(symbols, key=lambda symbol: (-volumes.get(symbol, 0.0), symbol))
        return sorted(ranked[:top])

    def candles(
        self, symbols: Sequence[str], *, as_of: datetime, bars: int, interval_seconds: int
    ) -> Candles:
        """Return the last bars that were closed at ``as_of``; see ``ports.market.MarketData``."""
        return self._market.candles(symbols, as_of=as_of, bars=bars, interval_seconds=interval_seconds)


def market_from(address: str, symbols: str = "*") -> MarketData:
    """Return the market that an address names.

    Args:
        address: ``simulation:<seed>``, ``files:<folder>``, ``s3://bucket/prefix`` or ``ccxt:<exchange>``.
        symbols: which it shows, as in ``parse_universe``; a list does not matter here.

    Raises:
        ConfigurationError: it is none of these, its library is not installed, or there is no such universe.
    """
    universe = parse_universe(symbols)
    market = _market(address)
    return SelectedMarket(market, universe) if universe.quote or universe.top else market


def _market(address: str) -> MarketData:
    kind, _, rest = address.partition(":")
    if kind == "files" and rest:
        from linkage.adapters.markets.files import FileMarket

        return FileMarket(rest)
    if kind == "simulation" and rest.isdecimal():
        from linkage.adapters.markets.simulated import SimulatedMarket

        return SimulatedMarket(int(rest))
    if kind == "s3":
        from linkage.adapters.markets import s3
        from linkage.domain.candle_bucket import parse_candle_bucket
        from linkage.runtime import aws

        client = aws.client("s3", read_timeout=s3.READ_TIMEOUT)
        return s3.S3Market(parse_candle_bucket(address), client)
    if kind == "ccxt" and rest:
        from linkage.adapters.markets.exchange import CcxtMarket

        return CcxtMarket(rest)
    raise ConfigurationError(f"unknown market {address!r}", field="market")
