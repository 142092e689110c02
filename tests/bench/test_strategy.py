"""The benchmark of the strategy measures what it says, and writes what is read from it."""

from __future__ import annotations

from bench.strategy import Size, make_candles, measure, table, whole_series
from linkage.strategy.window import select_window
from strategies.matrix.parameters import Parameters
from strategies.matrix.scoring import read_indicators
from tests.strategies.matrix.markets import NOON

TINY = Size(symbols=2, bars=64, rounds=1, rowwise_symbols=1, starts=1, libraries=())


def test_a_tiny_one_has_every_number_and_a_table() -> None:
    found = measure(TINY)

    assert {
        "engine_us", "series_us", "rowwise_us", "talib_us", "memory_pass_us", "import_ms", "boto3_ms",
        "walk_us", "polars_us", "ready_ms",
    } <= found.keys()  # fmt: skip
    assert all(value > 0 for value in found.values())
    assert any("row by row" in line for line in table(found))


def test_the_last_bar_of_the_whole_series_is_what_the_engine_reads_to_the_bit() -> None:
    candles, parameters = make_candles(TINY), Parameters(bars=TINY.bars)
    lower, _, upper, rsi, _, line, signal, roc, _, highest, lowest = (
        values[-1].tolist() for values in whole_series(candles, parameters)
    )
    readings = read_indicators(select_window(candles, parameters, NOON), parameters)
    named = {one.name: one for one in (*readings.buy, *readings.sell)}

    assert named["Buy Touch"].threshold.tolist() == lower
    assert named["Sell Touch"].threshold.tolist() == upper
    assert named["Buy RSI"].value.tolist() == rsi
    assert (named["Buy MACD"].value.tolist(), named["Buy MACD"].threshold.tolist()) == (line, signal)
    assert named["Buy ROC"].value.tolist() == roc
    assert named["Buy Swing"].threshold.tolist() == highest
    assert named["Sell Swing"].threshold.tolist() == lowest
