"""Every market gives closed bars on one grid, and a reason for what it cannot give."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ccxt
import numpy as np
import pytest

from linkage.adapters.ccxt_market import CcxtMarket
from linkage.adapters.file_market import FileMarket
from linkage.adapters.markets import market_from
from linkage.adapters.simulated_market import BASES, SimulatedMarket
from linkage.domain.errors import ConfigurationError, MarketUnavailableError
from linkage.ports import MarketData

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HEADER = "time,open,high,low,close,volume\n"


def write(folder: Path, symbol: str, text: str, *, header: str = HEADER) -> Path:
    path = folder / f"{symbol}_5m.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write(header + text)
    return path


def line(minutes: int, close: float = 1.0) -> str:
    moment = (NOON + timedelta(minutes=minutes)).isoformat()
    return f"{moment},{close},{close},{close},{close},5\n"


class FakeExchange:
    """A CCXT exchange with one symbol, whose closes are the minutes of their bars."""

    def __init__(self) -> None:
        self.fails = False

    def load_markets(self) -> dict[str, Any]:
        return {"BTC/USD": {"base": "BTC", "quote": "USD", "spot": True, "active": True}}

    def fetch_ohlcv(self, symbol: str, interval: str, since: int, limit: int) -> list[list[float]]:
        if self.fails:
            raise ccxt.RequestTimeout("too slow")
        assert (symbol, interval) == ("BTC/USD", "5m")
        bars = range(since, min(since + limit * 300_000, int(NOON.timestamp() * 1000) + 300_000), 300_000)
        return [[start, 1.0, 2.0, 0.5, start / 60_000 % 1440, 3.0] for start in bars]


def file_market(folder: Path) -> MarketData:
    SimulatedMarket(1).write_files(folder, end=NOON + timedelta(minutes=30), bars=400)
    return FileMarket(folder)


MARKETS: dict[str, Callable[[Path], tuple[MarketData, str]]] = {
    "files": lambda folder: (file_market(folder), "BTC-USD"),
    "simulation": lambda _: (SimulatedMarket(1), "BTC-USD"),
    "ccxt": lambda _: (CcxtMarket("fake", FakeExchange()), "BTC-USD"),
}


@pytest.mark.parametrize("kind", MARKETS)
def test_a_market_gives_closed_bars_only_on_a_grid_that_ends_at_the_asked_time(
    kind: str, tmp_path: Path
) -> None:
    market, symbol = MARKETS[kind](tmp_path)
    candles = market.candles([symbol, "NO-SUCH"], as_of=NOON, bars=350, interval_seconds=300)
    earlier = market.candles([symbol], as_of=NOON - timedelta(minutes=15), bars=350, interval_seconds=300)

    assert symbol in market.symbols()
    assert candles.symbols == (symbol,)
    assert dict(candles.refused) == {"NO-SUCH": "unknown_symbol"}
    assert candles.times[-1] + 300 == NOON.timestamp()
    assert set(np.diff(candles.times)) == {300}
    assert candles.closes.shape == (1, 350)
    np.testing.assert_array_equal(candles.closes[:, :-3], earlier.closes[:, 3:])


def test_a_missing_bar_is_not_a_number_and_its_neighbours_are(tmp_path: Path) -> None:
    write(tmp_path, "A-USD", line(-20, 1) + line(-15, 2) + line(-5, 3))
    candles = FileMarket(tmp_path).candles(["A-USD"], as_of=NOON, bars=5, interval_seconds=300)

    np.testing.assert_array_equal(candles.closes, [[np.nan, 1.0, 2.0, np.nan, 3.0]])


@pytest.mark.parametrize(
    ("text", "header", "reason"),
    [
        (line(-10) + line(-10), HEADER, "duplicate_or_unsorted_bars"),
        (line(-5) + line(-10), HEADER, "duplicate_or_unsorted_bars"),
        ("yesterday,1,1,1,1,1\n", HEADER, "unreadable_row"),
        ("2026-11-22T11:55:00,1,1,1,1,1\n", HEADER, "unreadable_row"),
        ("2026-11-22T11:55:00Z,1,1\n", HEADER, "unreadable_row"),
        (line(-5), "date,o,h,l,c,v\n", "unknown_columns"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_with_its_reason(
    tmp_path: Path, text: str, header: str, reason: str
) -> None:
    write(tmp_path, "A-USD", line(-5))
    write(tmp_path, "B-USD", text, header=header)
    candles = FileMarket(tmp_path).candles(["A-USD", "B-USD"], as_of=NOON, bars=2, interval_seconds=300)

    assert candles.symbols == ("A-USD",)
    assert dict(candles.refused) == {"B-USD": reason}


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, "A-USD", line(-5, 1))
    market = FileMarket(tmp_path)
    before = market.candles(["A-USD"], as_of=NOON, bars=1, interval_seconds=300)
    write(tmp_path, "A-USD", line(-5, 2))
    os.utime(path, ns=(1, 1))
    after = market.candles(["A-USD"], as_of=NOON, bars=1, interval_seconds=300)

    assert (before.closes[0, 0], after.closes[0, 0]) == (1.0, 2.0)


def test_a_folder_knows_when_its_market_begins_and_ends(tmp_path: Path) -> None:
    write(tmp_path, "A-USD", line(-20) + line(-10))
    write(tmp_path, "B-USD", line(-15) + line(-5))
    market = FileMarket(tmp_path)

    assert (market.first_open(), market.last_close()) == (NOON - timedelta(minutes=20), NOON)
    with pytest.raises(MarketUnavailableError):
        FileMarket(tmp_path / "none").symbols()
    with pytest.raises(MarketUnavailableError):
        market.last_close(60)


def test_a_simulation_is_a_function_of_its_seed_and_any_window_of_it_is_the_same() -> None:
    def closes(seed: int, bars: int) -> Any:
        market = SimulatedMarket(seed)
        return market.candles(market.symbols(), as_of=NOON, bars=bars, interval_seconds=300).closes

    np.testing.assert_array_equal(closes(1, 700)[:, -300:], closes(1, 300))
    assert not np.array_equal(closes(1, 300), closes(2, 300), equal_nan=True)


def test_simulated_prices_are_plausible_correlated_and_sometimes_missing() -> None:
    market = SimulatedMarket(7)
    candles = market.candles(market.symbols(), as_of=NOON, bars=2000, interval_seconds=300)
    missing = np.isnan(candles.closes)
    returns = np.diff(np.log(np.where(missing, 1.0, candles.closes)), axis=1)
    returns = returns[:, ~(missing[:, 1:] | missing[:, :-1]).any(axis=0)]

    assert 0 < missing.sum() < 50
    assert (candles.highs >= np.maximum(candles.opens, candles.closes))[~missing].all()
    assert (candles.lows <= np.minimum(candles.opens, candles.closes))[~missing].all()
    correlations = np.corrcoef(returns)[np.triu_indices(len(BASES), 1)]
    assert 0.1 < correlations.min() < correlations.max() < 0.8
    for row, symbol in enumerate(candles.symbols):
        assert BASES[symbol][0] / 3 < np.nanmedian(candles.closes[row]) < BASES[symbol][0] * 3


def test_written_files_are_the_simulation(tmp_path: Path) -> None:
    market = SimulatedMarket(3)
    market.write_files(tmp_path, end=NOON, bars=50)
    files = FileMarket(tmp_path)
    arguments: dict[str, Any] = {"as_of": NOON, "bars": 50, "interval_seconds": 300}

    assert files.symbols() == market.symbols()
    written, simulated = (
        files.candles(files.symbols(), **arguments),
        market.candles(market.symbols(), **arguments),
    )
    np.testing.assert_allclose(written.closes, simulated.closes, rtol=1e-9)
    np.testing.assert_allclose(written.volumes, simulated.volumes, rtol=1e-9)


def test_an_exchange_that_does_not_answer_is_said_to_be_away() -> None:
    exchange = FakeExchange()
    exchange.fails = True

    with pytest.raises(MarketUnavailableError, match="RequestTimeout"):
        CcxtMarket("fake", exchange).candles(["BTC-USD"], as_of=NOON, bars=3, interval_seconds=300)


def test_a_market_is_named_by_its_address(tmp_path: Path) -> None:
    assert isinstance(market_from(f"files:{tmp_path}"), FileMarket)
    assert isinstance(market_from("simulation:4"), SimulatedMarket)
    assert isinstance(market_from("ccxt:coinbase"), CcxtMarket)
    for address in ("simulation:x", "files:", "ftp:x", "ccxt:nosuchexchange", ""):
        with pytest.raises(ConfigurationError):
            market_from(address)
