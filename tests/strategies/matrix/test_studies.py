"""The series agree with their textbook definitions, for every symbol alone and side by side."""

from __future__ import annotations

import numpy as np
import pytest

from linkage.strategy.arrays import Floats
from strategies.matrix.indicators import recursive as recursion
from strategies.matrix.indicators.bands import bollinger
from strategies.matrix.indicators.recursive import Recursive
from strategies.matrix.indicators.roc import roc
from strategies.matrix.indicators.rolling import previous_highest, rolling_mean
from tests.strategies.matrix import slow
from tests.strategies.matrix.markets import random_rows

BARS = 160
SYMBOLS = 3
DATA = np.array([random_rows(BARS, seed) for seed in range(SYMBOLS)])
OPENS, HIGHS, LOWS, CLOSES, VOLUMES = (np.ascontiguousarray(DATA[:, :, field].T) for field in range(5))


def recursive(highs: Floats, lows: Floats, closes: Floats, *, keep: int | None = None) -> Recursive:
    return recursion.recursive(
        highs,
        lows,
        closes,
        rsi_period=14,
        atr_period=14,
        macd_fast=12,
        macd_slow=26,
        macd_signal=9,
        keep=keep,
    )


@pytest.mark.parametrize("symbol", range(SYMBOLS))
def test_the_last_values_agree_with_a_slow_implementation(symbol: int) -> None:
    closes, highs, lows = (list(map(float, each[:, symbol])) for each in (CLOSES, HIGHS, LOWS))
    last = BARS - 1
    bands = bollinger(CLOSES, 20, 2.0)
    own = recursive(HIGHS, LOWS, CLOSES)
    line, signal = slow.macd(closes, 12, 26, 9)
    middle, width = slow.mean(closes, last, 20), 2 * slow.deviation(closes, last, 20)
    pairs = [
        (bands.middle[last, symbol], middle),
        (bands.upper[last, symbol], middle + width),
        (bands.lower[last, symbol], middle - width),
        (own.rsi[last, symbol], slow.rsi(closes, last, 14)),
        (own.macd.line[last, symbol], line),
        (own.macd.signal[last, symbol], signal),
        (own.atr[last, symbol], slow.atr(highs, lows, closes, 14)),
        (roc(CLOSES, 4)[last, symbol], (closes[-1] / closes[-5] - 1) * 100),
        (previous_highest(HIGHS, 20)[last, symbol], max(highs[-21:-1])),
    ]
    for ours, theirs in pairs:
        assert slow.close_enough(float(ours), theirs, scale=100)


def test_a_value_does_not_depend_on_the_symbols_beside_it_to_the_bit() -> None:
    def every(symbols: slice) -> list[Floats]:
        highs, lows, closes = (np.ascontiguousarray(each[:, symbols]) for each in (HIGHS, LOWS, CLOSES))
        own = recursive(highs, lows, closes)
        return [
            *bollinger(closes, 20, 2.0),
            own.rsi,
            own.atr,
            *own.macd,
            roc(closes, 4),
        ]

    for together, single in zip(every(slice(None)), every(slice(1, 2)), strict=True):
        np.testing.assert_array_equal(together[:, 1], single[:, 0])


def test_bars_before_the_first_value_are_not_numbers() -> None:
    own = recursive(HIGHS, LOWS, CLOSES)
    for values, first in ((own.rsi, 14), (own.atr, 14), (own.macd.line, 25), (own.macd.signal, 33)):
        assert np.isnan(values[:first]).all()
        assert not np.isnan(values[first:]).any()
    for short in (CLOSES[:3], CLOSES[:1]):
        few = recursive(short, short, short)
        assert all(np.isnan(values).all() for values in (few.rsi, few.atr, *few.macd))
        assert np.isnan(bollinger(short, 20, 2.0).upper).all()
        assert np.isnan(roc(short, 4)).all()
        assert np.isnan(previous_highest(short, 4)).all()


def test_a_price_that_never_moved_has_an_rsi_of_50_and_no_macd_at_all() -> None:
    flat = np.full((200, 2), 0.1)
    own = recursive(flat, flat, flat)

    assert set(own.rsi[-1]) == {50.0}
    assert set(own.macd.line[-1]) == set(own.macd.signal[-1]) == set(own.atr[-1]) == {0.0}


@pytest.mark.parametrize("keep", [1, 2, 41, BARS, BARS + 5])
def test_the_last_bars_alone_are_the_same_to_the_bit_as_in_the_whole_series(keep: int) -> None:
    def every(keep: int | None) -> list[Floats]:
        own = recursive(HIGHS, LOWS, CLOSES, keep=keep)
        return [
            *bollinger(CLOSES, 20, 2.0, keep=keep),
            *(own.rsi, own.atr, *own.macd),
            roc(CLOSES, 4, keep=keep),
            rolling_mean(VOLUMES, 20, keep=keep),
            previous_highest(HIGHS, 20, keep=keep),
        ]

    for whole, last in zip(every(None), every(keep), strict=True):
        np.testing.assert_array_equal(whole[-keep:], last)


@pytest.mark.parametrize("cached", [1, 7, 10_000])
def test_it_does_not_matter_how_many_bars_are_prepared_at_a_time(
    monkeypatch: pytest.MonkeyPatch, cached: int
) -> None:
    usual = recursive(HIGHS, LOWS, CLOSES)
    monkeypatch.setattr(recursion, "_CACHED", cached)
    own = recursive(HIGHS, LOWS, CLOSES)

    for one, other in zip((usual.rsi, usual.atr, *usual.macd), (own.rsi, own.atr, *own.macd), strict=True):
        np.testing.assert_array_equal(one, other)
