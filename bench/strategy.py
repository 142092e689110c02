"""What one run of the strategy costs, beside the ways in which it could have been written.

500 symbols × 1,000 bars, one thread. The floor is one copy of the same arrays from memory to memory:
nothing that reads every candle can be faster. Times are of the processor, which another process that
shares it does not lengthen by waiting. Ours is a whole decision, from the candles as a market
returns them to the signals; the others compute the indicators only. The row-by-row way, ``iloc`` and
``DataFrame.apply`` per indicator, is measured on three symbols and extrapolated.
"""

from __future__ import annotations

import importlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from linkage.ports.market import Candles
from linkage.strategy.arrays import Floats
from linkage.strategy.state import StrategyState
from linkage.strategy.window import rows_in_order, select_window
from strategies.matrix.engine import decide
from strategies.matrix.indicators.bands import bollinger
from strategies.matrix.indicators.recursive import recursive
from strategies.matrix.indicators.roc import roc
from strategies.matrix.indicators.rolling import previous_highest, rolling_mean
from strategies.matrix.parameters import Parameters
from strategies.matrix.scoring import Reading, Readings, read_indicators
from strategies.matrix.series import walk

OUT = Path(__file__).resolve().parents[1] / "out" / "bench" / "strategy.json"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
INTERVAL = 300
WALK_BARS = 300
"""How many bars each decision of the walk sees: the strategy's default."""

HANDLER = "import functions.sighook.handler"
READY = (
    f"{HANDLER}\n"
    "from linkage.adapters.markets.selection import market_from\n"
    "from linkage.strategy.plugin import load_strategy\n"
    "load_strategy('strategies.matrix.strategy:MATRIX')\n"
    "market_from('simulation:1')"
)
"""The handler and what the first event imports besides, by the names in the settings."""

BOTO3 = "import boto3\nboto3.client('dynamodb', region_name='eu-central-1')"
STOPWATCH = "import time\nstart = time.process_time()\n{}\nprint((time.process_time() - start) * 1000)"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured, and how often: the median of so many rounds, in which all take turns."""

    symbols: int = 500
    bars: int = 1_000
    rounds: int = 11
    rowwise_symbols: int = 3
    starts: int = 5
    libraries: tuple[str, ...] = ("numpy", "polars", "talib", "pandas")


def make_candles(size: Size) -> Candles:
    """Return random walks with wicks and volumes, seeded."""
    random = np.random.default_rng(1)
    shape = (size.symbols, size.bars)
    closes: Floats = 100 * np.exp(np.cumsum(random.standard_t(4, shape) * 0.004, axis=1))
    opens = np.concatenate([closes[:, :1], closes[:, :-1]], axis=1)
    highs = np.maximum(opens, closes) * (1 + np.abs(random.normal(0, 0.002, shape)))
    lows = np.minimum(opens, closes) * (1 - np.abs(random.normal(0, 0.002, shape)))
    times = int(NOON.timestamp()) - INTERVAL * np.arange(size.bars, 0, -1, dtype=np.int64)
    names = tuple(f"S{number:03}-USD" for number in range(size.symbols))
    return Candles(
        symbols=names, interval_seconds=INTERVAL, times=times,
        opens=opens, highs=highs, lows=lows, closes=closes, volumes=random.uniform(5, 50, shape),
    )  # fmt: skip


def arrays_of(candles: Candles) -> list[Floats]:
    """Return the five arrays of the candles."""
    return [candles.opens, candles.highs, candles.lows, candles.closes, candles.volumes]


def whole_series(candles: Candles, p: Parameters) -> list[Floats]:
    """Return every indicator at every bar, by the functions of which the last bar is computed."""
    window = select_window(candles, p, NOON)
    highs, lows, closes, volumes = (
        rows_in_order(values) for values in (window.highs, window.lows, window.closes, window.volumes)
    )
    own = recursive(
        highs, lows, closes,
        rsi_period=p.rsi_period, atr_period=p.atr_period,
        macd_fast=p.macd_fast, macd_slow=p.macd_slow, macd_signal=p.macd_signal,
    )  # fmt: skip
    return [
        *bollinger(closes, p.bollinger_period, p.bollinger_deviations),
        *(own.rsi, own.atr, *own.macd),
        roc(closes, p.roc_period),
        rolling_mean(volumes, p.volume_period),
        previous_highest(highs, p.swing_bars),
        -previous_highest(-lows, p.swing_bars),
    ]


def by_talib(candles: Candles, p: Parameters) -> None:
    """Compute the indicators symbol by symbol with TA-Lib."""
    talib: Any = importlib.import_module("talib")
    for high, low, close, volume in zip(
        candles.highs, candles.lows, candles.closes, candles.volumes, strict=True
    ):
        talib.BBANDS(close, p.bollinger_period, p.bollinger_deviations, p.bollinger_deviations)
        talib.RSI(close, p.rsi_period)
        talib.ROC(close, p.roc_period)
        talib.MACD(close, p.macd_fast, p.macd_slow, p.macd_signal)
        talib.ATR(high, low, close, p.atr_period)
        talib.SMA(volume, p.volume_period)
        talib.MAX(high, p.swing_bars)
        talib.MIN(low, p.swing_bars)


def polars_frame(candles: Candles) -> Any:
    """Return the candles as one long polars frame."""
    polars: Any = importlib.import_module("polars")
    columns = dict(zip(("open", "high", "low", "close", "volume"), arrays_of(candles), strict=True))
    names = np.repeat(np.array(candles.symbols), candles.closes.shape[1])
    return polars.DataFrame(
        {"symbol": names, **{name: values.reshape(-1) for name, values in columns.items()}}
    )


def by_polars(frame: Any, p: Parameters) -> Any:
    """Compute the indicators of all symbols with polars' expressions."""
    polars: Any = importlib.import_module("polars")
    close, high, low = polars.col("close"), polars.col("high"), polars.col("low")
    move, before = close.diff(), close.shift(1)

    def wilder(values: Any, period: int) -> Any:
        return values.ewm_mean(alpha=1 / period, adjust=False)

    gain, loss = (
        wilder(move.clip(lower_bound=0), p.rsi_period),
        wilder(-move.clip(upper_bound=0), p.rsi_period),
    )
    ranges = polars.max_horizontal(high - low, (high - before).abs(), (low - before).abs())
    line = close.ewm_mean(span=p.macd_fast, adjust=False) - close.ewm_mean(span=p.macd_slow, adjust=False)
    columns = {
        "middle": close.rolling_mean(p.bollinger_period),
        "width": close.rolling_std(p.bollinger_period, ddof=0) * p.bollinger_deviations,
        "rsi": 100 * gain / (gain + loss),
        "roc": (close / close.shift(p.roc_period) - 1) * 100,
        "macd": line,
        "signal": line.ewm_mean(span=p.macd_signal, adjust=False),
        "atr": wilder(ranges, p.atr_period),
        "volume_mean": polars.col("volume").rolling_mean(p.volume_period),
        "highest": high.shift(1).rolling_max(p.swing_bars),
        "lowest": low.shift(1).rolling_min(p.swing_bars),
    }
    return frame.with_columns(**{name: values.over("symbol") for name, values in columns.items()})


def pandas_frame(candles: Candles, symbol: int) -> Any:
    """Return the candles of one symbol as a pandas frame."""
    pandas: Any = importlib.import_module("pandas")
    columns = dict(zip(("open", "high", "low", "close", "volume"), arrays_of(candles), strict=True))
    return pandas.DataFrame({name: values[symbol] for name, values in columns.items()})


def row_by_row(frame: Any, p: Parameters) -> Any:
    """Compute the indicators of one symbol, one ``apply`` per column, each row looking back by ``iloc``."""
    nan = float("nan")

    def back(column: str, row: Any, bars: int, skip: int = 0) -> Any:
        end = int(row.name) + 1 - skip
        return frame[column].iloc[max(0, end - bars) : end]

    def add(name: str, value: Callable[[Any], float], known_from: int) -> None:
        frame[name] = frame.apply(lambda row: value(row) if row.name >= known_from else nan, axis=1)

    def add_mean(name: str, source: str, start: int, period: int, weight: float) -> None:
        frame[name] = nan
        first = start + period - 1
        frame.iloc[first, frame.columns.get_loc(name)] = frame[source].iloc[start : first + 1].mean()
        for bar in range(first + 1, len(frame)):
            before, present = frame[name].iloc[bar - 1], frame[source].iloc[bar]
            frame.iloc[bar, frame.columns.get_loc(name)] = before + weight * (present - before)

    add("middle", lambda row: back("close", row, p.bollinger_period).mean(), p.bollinger_period - 1)
    add("width", lambda row: back("close", row, p.bollinger_period).std(ddof=0), p.bollinger_period - 1)
    add("upper", lambda row: row["middle"] + p.bollinger_deviations * row["width"], p.bollinger_period - 1)
    add("lower", lambda row: row["middle"] - p.bollinger_deviations * row["width"], p.bollinger_period - 1)
    add("gain", lambda row: max(0.0, row["close"] - frame["close"].iloc[int(row.name) - 1]), 1)
    add("loss", lambda row: max(0.0, frame["close"].iloc[int(row.name) - 1] - row["close"]), 1)
    add_mean("gains", "gain", 1, p.rsi_period, 1 / p.rsi_period)
    add_mean("losses", "loss", 1, p.rsi_period, 1 / p.rsi_period)
    add("rsi", lambda row: 100 * row["gains"] / (row["gains"] + row["losses"]), p.rsi_period)
    add(
        "range",
        lambda row: (
            max(row["high"], frame["close"].iloc[int(row.name) - 1])
            - min(row["low"], frame["close"].iloc[int(row.name) - 1])
        ),
        1,
    )
    add_mean("atr", "range", 1, p.atr_period, 1 / p.atr_period)
    add(
        "roc",
        lambda row: (row["close"] / frame["close"].iloc[int(row.name) - p.roc_period] - 1) * 100,
        p.roc_period,
    )
    add_mean("fast", "close", p.macd_slow - p.macd_fast, p.macd_fast, 2 / (p.macd_fast + 1))
    add_mean("slow", "close", 0, p.macd_slow, 2 / (p.macd_slow + 1))
    add("macd", lambda row: row["fast"] - row["slow"], p.macd_slow - 1)
    add_mean("signal", "macd", p.macd_slow - 1, p.macd_signal, 2 / (p.macd_signal + 1))
    add("volume_mean", lambda row: back("volume", row, p.volume_period).mean(), p.volume_period - 1)
    add("highest", lambda row: back("high", row, p.swing_bars, 1).max(), p.swing_bars)
    add("lowest", lambda row: back("low", row, p.swing_bars, 1).min(), p.swing_bars)
    return frame


def last_bars_agree(candles: Candles, frame: Any, p: Parameters) -> bool:
    """Tell whether the row-by-row way computes what we do, for the first symbol at the last bar."""
    window = select_window(candles, p, NOON)
    readings = {reading.name: reading for reading in _sides(read_indicators(window, p))}
    last = frame.iloc[-1]
    pairs = (
        (readings["Buy RSI"].value, last["rsi"]),
        (readings["Buy ROC"].value, last["roc"]),
        (readings["Buy MACD"].value, last["macd"]),
        (readings["Buy MACD"].threshold, last["signal"]),
        (readings["Buy Touch"].threshold, last["lower"]),
        (readings["Sell Touch"].threshold, last["upper"]),
        (readings["Buy Swing"].threshold, last["highest"]),
        (readings["Sell Swing"].threshold, last["lowest"]),
    )
    return all(abs(ours[0] - theirs) <= 1e-9 * max(1.0, abs(theirs)) for ours, theirs in pairs)


def _sides(readings: Readings) -> tuple[Reading, ...]:
    return (*readings.buy, *readings.sell)


def starts_ms(codes: dict[str, str], starts: int) -> dict[str, float]:
    """Return how long each code takes in a fresh interpreter, in milliseconds: medians of so many rounds."""
    taken: dict[str, list[float]] = {name: [] for name in codes}
    for _ in range(starts):
        for name, code in codes.items():
            command = [sys.executable, "-c", STOPWATCH.format(code)]
            done = subprocess.run(command, cwd=OUT.parents[2], capture_output=True, text=True, check=True)
            taken[name].append(float(done.stdout))
    return {name: statistics.median(times) for name, times in taken.items()}


def measure(size: Size) -> dict[str, float]:
    """Return the medians, in microseconds and milliseconds."""
    candles, p = make_candles(size), Parameters(bars=size.bars)
    walked = Parameters(bars=min(WALK_BARS, size.bars))
    copies, frame = [np.empty_like(array) for array in arrays_of(candles)], polars_frame(candles)

    def copy() -> None:
        for target, source in zip(copies, arrays_of(candles), strict=True):
            np.copyto(target, source)

    ways: dict[str, Callable[[], object]] = {
        "memory_pass_us": copy,
        "engine_us": lambda: decide(candles, StrategyState(), p, NOON),
        "series_us": lambda: whole_series(candles, p),
        "talib_us": lambda: by_talib(candles, p),
        "polars_us": lambda: by_polars(frame, p),
    }
    medians = _take_turns(ways, size.rounds)
    start = time.process_time()
    for _ in walk(candles, StrategyState(), walked):
        pass
    medians["walk_us"] = (time.process_time() - start) * 1e6
    frames = [pandas_frame(candles, symbol) for symbol in range(size.rowwise_symbols)]
    start = time.process_time()
    for symbol_frame in frames:
        row_by_row(symbol_frame, p)
    seconds = time.process_time() - start
    medians["rowwise_us"] = seconds * 1e6 / len(frames) * size.symbols
    if not last_bars_agree(candles, frames[0], p):
        raise AssertionError("the row-by-row way computes something else")
    codes = {"import_ms": HANDLER, "boto3_ms": BOTO3, "ready_ms": READY}
    codes |= {f"{library}_import_ms": f"import {library}" for library in size.libraries}
    medians |= starts_ms(codes, size.starts)
    return {name: round(value, 1) for name, value in medians.items()}


def _take_turns(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for run in ways.values():
        run()
    for _ in range(rounds):
        for name, run in ways.items():
            start = time.process_time()
            run()
            taken[name].append((time.process_time() - start) * 1e6)
    return {name: statistics.median(times) for name, times in taken.items()}


def table(figures: dict[str, float]) -> Sequence[str]:
    """Return the lines that a person reads."""
    floor = figures["memory_pass_us"]
    names = {
        "memory_pass_us": "one copy of the arrays (the floor)",
        "engine_us": "our decision of the last bar",
        "series_us": "our indicators at every bar",
        "walk_us": f"our decisions at every bar, {WALK_BARS} bars each",
        "talib_us": "TA-Lib, symbol by symbol",
        "polars_us": "polars, expressions over symbols",
        "rowwise_us": "pandas, row by row (extrapolated)",
    }
    lines = [
        f"{text:40} {figures[key] / 1e3:12,.1f} ms {figures[key] / floor:12,.1f} × floor"
        for key, text in names.items()
    ]
    faster = figures["rowwise_us"] / figures["engine_us"]
    imports, ready = (figures[name] / figures["boto3_ms"] for name in ("import_ms", "ready_ms"))
    return [
        *lines,
        f"ours is {faster:,.0f} times faster than row by row",
        f"importing sighook's handler takes {imports:.2f} × boto3's import with one client;",
        f"with the strategy and the market, which the first event imports, {ready:.2f} ×",
    ]


def main() -> None:
    """Measure, print and write ``out/bench/strategy.json``."""
    figures = measure(Size())
    print("\n".join(table(figures)))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
