"""Every market gives closed bars on one grid, and a reason for what it cannot give."""

from __future__ import annotations

import gzip
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ccxt
import numpy as np
import polars
import pytest

from linkage.adapters.markets.exchange import REPEAT_AFTER_MS, CcxtMarket, connect, one_at_a_time
from linkage.adapters.markets.files import FileMarket
from linkage.adapters.markets.selection import SelectedMarket, market_from
from linkage.adapters.markets.simulated import BASES, SimulatedMarket
from linkage.domain.errors import ConfigurationError, MarketUnavailableError
from linkage.domain.universe import Universe, parse_universe
from linkage.ports.market import MarketData
from linkage.strategy.window import select_window
from strategies.matrix.parameters import Parameters

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
    """A CCXT exchange whose closes are the minutes of their bars."""

    def __init__(self, *symbols: str) -> None:
        self.fails = False
        self.has = {"fetchTickers": True}
        self.names = symbols or ("BTC/USD",)
        self.tickers: dict[str, dict[str, float | None]] = {}
        self.broken: dict[str, str] = {}
        self.most = 300
        self.together = threading.Barrier(1)
        self.answers = threading.Event()
        self.answers.set()

    def load_markets(self) -> dict[str, Any]:
        parts = {name: name.split("/") for name in self.names}
        return {
            name: {"base": base, "quote": quote, "spot": True, "active": True}
            for name, (base, quote) in parts.items()
        }

    def fetch_tickers(self) -> dict[str, dict[str, float | None]]:
        if self.fails:
            raise ccxt.RequestTimeout("too slow")
        return self.tickers

    def fetch_ohlcv(self, symbol: str, interval: str, since: int, limit: int) -> list[list[float | None]]:
        if self.fails or self.broken.get(symbol) == "error":
            raise ccxt.RequestTimeout("too slow")
        assert interval == "5m"
        assert symbol in self.names
        self.together.wait(timeout=5)
        if self.broken.get(symbol) == "slow":
            self.answers.wait(timeout=5)
        rows = self._bars(since, min(limit, self.most))
        if self.broken.get(symbol) == "twice":
            rows.insert(1, rows[0])
        if self.broken.get(symbol) == "null":
            rows[-2][2] = None
        if self.broken.get(symbol) == "gap":
            del rows[-4]
        if self.broken.get(symbol) == "idle":
            rows[-2][5] = 0.0
        if self.broken.get(symbol) == "behind":
            rows = rows[:-2]
        if self.broken.get(symbol) == "short":
            rows[3] = rows[3][:4]
        if self.broken.get(symbol) == "text":
            rows[3][1] = "-"  # type: ignore[call-overload]
        return rows

    def _bars(self, since: int, limit: int) -> list[list[float | None]]:
        bars = range(since, min(since + limit * 300_000, int(NOON.timestamp() * 1000) + 300_000), 300_000)
        return [[start, 1.0, 2000.0, 0.5, start / 60_000 % 1440, 3.0] for start in bars]


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


def test_an_exchanges_symbols_are_asked_for_at_the_same_time() -> None:
    exchange = FakeExchange("A/USD", "B/USD", "C/USD")
    exchange.together = threading.Barrier(3)
    candles = CcxtMarket("fake", exchange).candles(
        ["A-USD", "B-USD", "C-USD"], as_of=NOON, bars=3, interval_seconds=300
    )
    assert candles.symbols == ("A-USD", "B-USD", "C-USD")


def test_an_exchange_that_gives_fewer_bars_at_a_time_is_asked_for_the_rest() -> None:
    exchange = FakeExchange()
    arguments: dict[str, Any] = {"as_of": NOON, "bars": 250, "interval_seconds": 300}
    whole = CcxtMarket("fake", exchange).candles(["BTC-USD"], **arguments)
    exchange.most = 100
    in_parts = CcxtMarket("fake", exchange).candles(["BTC-USD"], **arguments)

    np.testing.assert_array_equal(in_parts.closes, whole.closes)
    assert not np.isnan(whole.closes).any()


@pytest.mark.parametrize("problem", [ccxt.RateLimitExceeded, ccxt.RequestTimeout])
def test_a_request_that_failed_on_the_way_is_made_again(problem: type[Exception]) -> None:
    client = connect("kraken")
    slept: list[float] = []
    answers: list[Any] = [problem("no"), {"error": [], "result": {"unixtime": 1}}]

    def fetch(*_: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    client.fetch, client.sleep = fetch, slept.append

    assert client.publicGetTime()["result"] == {"unixtime": 1}
    assert slept[-1] == REPEAT_AFTER_MS


def test_the_exchanges_limiter_lets_one_thread_through_at_a_time() -> None:
    class Client:
        def __init__(self) -> None:
            self.clock = 0.0
            self.lastRestRequestTimestamp = -1000.0
            self.begun: list[float] = []

        def milliseconds(self) -> float:
            return self.clock

        def throttle(self, cost: float) -> None:
            self.clock = max(self.clock, self.lastRestRequestTimestamp + 100 * cost)
            self.begun.append(self.clock)

    client = Client()
    limiter = one_at_a_time(client)
    threads = [threading.Thread(target=limiter, args=(1.0,)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.begun == [100.0 * number for number in range(10)]


@pytest.mark.parametrize(
    ("defect", "reason"),
    [
        ("error", "exchange_error"),
        ("slow", "exchange_too_slow"),
        ("twice", "duplicate_or_unsorted_bars"),
        ("null", "invalid_values"),
        ("gap", "gap"),
        ("idle", "no_volume"),
        ("behind", "missing_last_bar"),
        ("short", "unreadable_row"),
        ("text", "unreadable_row"),
    ],
)
def test_a_symbol_whose_candles_cannot_be_trusted_is_left_out_with_its_reason(
    defect: str, reason: str
) -> None:
    exchange = FakeExchange("GOOD/USD", "BAD/USD")
    exchange.broken = {"BAD/USD": defect}
    if defect == "slow":
        exchange.answers.clear()
    market = CcxtMarket("fake", exchange, run_seconds=0.2 if defect == "slow" else 5)
    candles = market.candles(["GOOD-USD", "BAD-USD"], as_of=NOON, bars=100, interval_seconds=300)
    exchange.answers.set()
    window = select_window(candles, Parameters(bars=100), NOON)

    assert window.symbols == ("GOOD-USD",)
    assert window.skipped == {"BAD-USD": reason}


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (lambda: "".join(line(5 * bar) for bar in range(-100, -1)), "missing_last_bar"),
        (lambda: "".join(line(5 * bar) for bar in range(-100, 0) if bar != -20), "gap"),
        (lambda: "".join(line(5 * bar) for bar in range(-50, 0)), "too_few_bars"),
        (
            lambda: "".join(line(5 * bar, -1.0 if bar == -9 else 1.0) for bar in range(-100, 0)),
            "invalid_values",
        ),
        (lambda: "".join(line(5 * bar) for bar in range(-100, 0)).replace(",5\n", ",0\n"), "no_volume"),
        (lambda: "".join(line(5 * bar) for bar in range(-100, 0)) + line(-5), "duplicate_or_unsorted_bars"),
    ],
)
def test_a_file_whose_candles_cannot_be_traded_on_is_left_out_with_its_reason(
    tmp_path: Path, rows: Callable[[], str], reason: str
) -> None:
    write(tmp_path, "A-USD", rows())
    candles = FileMarket(tmp_path).candles(["A-USD"], as_of=NOON, bars=100, interval_seconds=300)
    assert select_window(candles, Parameters(bars=100), NOON).skipped == {"A-USD": reason}


def test_an_exchange_tells_spreads_where_it_has_bid_and_ask_and_candles_come_without() -> None:
    exchange = FakeExchange("A/USD", "B/USD")
    exchange.tickers = {"A/USD": {"bid": 99.0, "ask": 101.0}, "B/USD": {"bid": None, "ask": 3.0}}
    market = CcxtMarket("fake", exchange)
    arguments: dict[str, Any] = {"as_of": NOON, "bars": 3, "interval_seconds": 300}
    assert market.candles(["A-USD", "B-USD"], **arguments).spreads == {"A-USD": pytest.approx(0.02)}
    exchange = FakeExchange("A/USD")
    exchange.has = {}
    assert CcxtMarket("fake", exchange).candles(["A-USD"], **arguments).spreads == {}


def test_an_exchange_that_is_slow_to_tell_its_spreads_holds_up_no_candles() -> None:
    class Slow(FakeExchange):
        def fetch_tickers(self) -> dict[str, dict[str, float | None]]:
            self.answers.wait(timeout=5)
            return {"BTC/USD": {"bid": 99.0, "ask": 101.0}}

    exchange = Slow()
    exchange.answers.clear()
    market = CcxtMarket("fake", exchange, run_seconds=0.2)
    candles = market.candles(["BTC-USD"], as_of=NOON, bars=3, interval_seconds=300)
    exchange.answers.set()

    assert candles.symbols == ("BTC-USD",)
    assert candles.spreads == {}


def test_a_universe_is_chosen_by_quote_currency_and_by_volume() -> None:
    exchange = FakeExchange("A/USD", "B/USDT", "C/USDT", "D/USDT")
    exchange.tickers = {
        "A/USD": {"quoteVolume": 99.0},
        "B/USDT": {"quoteVolume": 5.0},
        "C/USDT": {"quoteVolume": None, "last": 2.0, "baseVolume": 10.0},
        "D/USDT": {},
    }
    market = CcxtMarket("fake", exchange)
    assert SelectedMarket(market, Universe(quote="USDT")).symbols() == ["B-USDT", "C-USDT", "D-USDT"]
    assert SelectedMarket(market, Universe(quote="USDT", top=1)).symbols() == ["C-USDT"]
    assert SelectedMarket(market, Universe(top=2)).symbols() == ["A-USD", "C-USDT"]
    assert "BTC-USD" in market_from("simulation:1", "quote:USD").symbols()
    with pytest.raises(ConfigurationError, match="volume data"):
        market_from("simulation:1", "top:5")


@pytest.mark.parametrize(
    ("setting", "spelling"),
    [
        ("*", "*"), ("", "*"), (" B-USD, A-USD,", "A-USD,B-USD"), ("top:5  quote:USDT", "quote:USDT top:5"),
        ("quote:USD", "quote:USD"), ("BTC-USDT:USDT", "BTC-USDT:USDT"),
    ],
)  # fmt: skip
def test_a_universe_has_one_spelling(setting: str, spelling: str) -> None:
    assert str(parse_universe(setting)) == spelling


@pytest.mark.parametrize(
    "setting",
    ["quote:usd", "top:0", "top:x", "quote:USD volume:3", "top:5 top:6", "top 5", "A-USD B-USD"],
)
def test_a_universe_that_cannot_be_is_refused(setting: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_universe(setting)


def parquet(folder: Path, symbol: str, text: str, **columns: Any) -> None:
    """Write lines of a CSV file as Parquet, some columns replaced."""
    frame = polars.read_csv((HEADER + text).encode(), try_parse_dates=True)
    frame.with_columns(**columns).write_parquet(folder / f"{symbol}_5m.parquet")


def test_parquet_files_give_the_same_candles_as_csv_files(tmp_path: Path) -> None:
    text = line(-15, 1) + line(-5, 3)
    csv_folder, parquet_folder = tmp_path / "csv", tmp_path / "parquet"
    csv_folder.mkdir()
    parquet_folder.mkdir()
    write(csv_folder, "A-USD", text)
    parquet(parquet_folder, "A-USD", text)
    arguments: dict[str, Any] = {"as_of": NOON, "bars": 4, "interval_seconds": 300}
    first, second = (
        FileMarket(folder).candles(["A-USD"], **arguments) for folder in (csv_folder, parquet_folder)
    )
    assert FileMarket(parquet_folder).symbols() == ["A-USD"]
    np.testing.assert_array_equal(first.closes, [[np.nan, 1.0, np.nan, 3.0]])
    for name in ("times", "opens", "highs", "lows", "closes", "volumes"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_a_parquet_file_that_cannot_be_trusted_is_refused_with_its_reason(tmp_path: Path) -> None:
    parquet(tmp_path, "A-USD", line(-10) + line(-10))
    parquet(tmp_path, "B-USD", line(-5), time=polars.lit("yesterday"))
    parquet(tmp_path, "C-USD", line(-5), time=polars.col("time").dt.replace_time_zone(None))
    parquet(tmp_path, "D-USD", line(-5), close=polars.lit("high"))
    (tmp_path / "E-USD_5m.parquet").write_bytes(b"no parquet")
    polars.DataFrame({"t": [1]}).write_parquet(tmp_path / "F-USD_5m.parquet")
    market = FileMarket(tmp_path)
    refused = market.candles(market.symbols(), as_of=NOON, bars=2, interval_seconds=300).refused
    assert dict(refused) == {
        "A-USD": "duplicate_or_unsorted_bars", "B-USD": "unreadable_row", "C-USD": "unreadable_row",
        "D-USD": "unreadable_row", "E-USD": "unreadable_row", "F-USD": "unknown_columns",
    }  # fmt: skip


def test_a_missing_price_of_a_parquet_file_is_not_a_number(tmp_path: Path) -> None:
    parquet(tmp_path, "A-USD", line(-5), low=polars.lit(None, dtype=polars.Float64))
    candles = FileMarket(tmp_path).candles(["A-USD"], as_of=NOON, bars=1, interval_seconds=300)
    assert np.isnan(candles.lows).all()


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_a_parquet_files_times_may_be_of_any_precision_and_zone(tmp_path: Path, unit: Any) -> None:
    time = polars.col("time").dt.convert_time_zone("Europe/Berlin").dt.cast_time_unit(unit)
    parquet(tmp_path, "A-USD", line(-5, 7), time=time)
    candles = FileMarket(tmp_path).candles(["A-USD"], as_of=NOON, bars=1, interval_seconds=300)
    assert candles.closes.tolist() == [[7.0]]


def test_a_damaged_file_is_left_out_and_ends_no_run(tmp_path: Path) -> None:
    path = write(tmp_path, "A-USD", line(-10) + line(-5))
    path.write_bytes(path.read_bytes()[:-12])
    (tmp_path / "B-USD_5m.csv.gz").write_bytes(b"no gzip")
    (tmp_path / "C-USD_5m.csv").write_bytes(HEADER.encode() + b"\xff\xfe,1,1,1,1,1\n")
    parquet(tmp_path, "D-USD", line(-10) + line(-5))
    whole = (tmp_path / "D-USD_5m.parquet").read_bytes()
    (tmp_path / "D-USD_5m.parquet").write_bytes(whole[:20] + whole[-200:])
    (tmp_path / "E-USD_5m.csv").mkdir()
    market = FileMarket(tmp_path)
    refused = market.candles(market.symbols(), as_of=NOON, bars=2, interval_seconds=300).refused
    assert dict(refused) == {
        **dict.fromkeys(("A-USD", "B-USD", "C-USD", "D-USD"), "unreadable_row"), "E-USD": "unknown_symbol",
    }  # fmt: skip
