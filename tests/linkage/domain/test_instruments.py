"""Venue spellings of one instrument become one symbol; what is not understood stays as it came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.domain.instruments import Instrument, normalise_symbol


@pytest.mark.parametrize(
    ("spelling", "symbol"),
    [
        ("BTC-USD", "BTC-USD"),
        (" btc/usd ", "BTC-USD"),
        ("XBTUSD", "BTC-USD"),
        ("XBT/USD", "BTC-USD"),
        ("XXBTZUSD", "BTC-USD"),
        ("XETHXXBT", "ETH-BTC"),
        ("XDGUSD", "DOGE-USD"),
        ("BTC_USDT", "BTC-USDT"),
        ("ETHBTC", "ETH-BTC"),
        ("DOTUSD", "DOT-USD"),
        ("SHIBUSD", "SHIB-USD"),
        ("USDTUSD", "USDT-USD"),
        ("1INCHUSDT", "1INCH-USDT"),
        ("BTC/USDT:USDT", "BTC-USDT:USDT"),
        ("BTC-USDT:USDT", "BTC-USDT:USDT"),
        ("BTC-USDT-SWAP", "BTC-USDT:USDT"),
        ("BTC-USD-SWAP", "BTC-USD:BTC"),
        ("BINANCE:BTCUSDT.P", "BTC-USDT:USDT"),
        ("COINBASE:BTCUSD", "BTC-USD"),
        ("KRAKEN:XBT/USD", "BTC-USD"),
        ("BTC-PERP-INTX", "BTC-USDC:USDC"),
    ],
)
def test_a_known_spelling_becomes_base_and_quote(spelling: str, symbol: str) -> None:
    assert normalise_symbol(spelling) == Instrument(symbol, known=True)


@pytest.mark.parametrize(
    "spelling", ["AAPL", "NASDAQ:AAPL", "PF_XBTUSD", "BTC-USDT-250926", "BTC-PERP", "?", "é/ß"]
)
def test_an_unknown_spelling_stays_as_it_came(spelling: str) -> None:
    assert normalise_symbol(spelling) == Instrument(spelling, known=False)


def test_a_venue_may_mean_something_of_its_own() -> None:
    assert normalise_symbol("XBTUSD", "bitmex").symbol == "BTC-USD:BTC"


@given(st.text("ABCUSDTXZ-/_:.P1", min_size=1, max_size=16))
def test_normalising_twice_changes_nothing(spelling: str) -> None:
    once = normalise_symbol(spelling).symbol
    assert normalise_symbol(once).symbol == once
