"""Which market a setting names."""

from __future__ import annotations

from linkage.adapters.file_market import FileMarket
from linkage.adapters.simulated_market import SimulatedMarket
from linkage.domain.errors import ConfigurationError
from linkage.ports import MarketData


def market_from(address: str) -> MarketData:
    """Return the market of ``simulation:<seed>``, ``files:<folder>`` or ``ccxt:<exchange>``.

    Raises:
        ConfigurationError: it is none of these, or its library is not installed.
    """
    kind, _, rest = address.partition(":")
    if kind == "files" and rest:
        return FileMarket(rest)
    if kind == "simulation" and rest.isdecimal():
        return SimulatedMarket(int(rest))
    if kind == "ccxt" and rest:
        from linkage.adapters.ccxt_market import CcxtMarket  # imports a library that zips are without

        return CcxtMarket(rest)
    raise ConfigurationError(f"unknown market {address!r}", field="market")
