"""Indicators agree with their textbook definitions, for every symbol alone and side by side."""

from __future__ import annotations

import numpy as np
import pytest

from linkage.strategy import indicators
from linkage.strategy.indicators import Floats
from tests.linkage.strategy import slow
from tests.linkage.strategy.markets import random_rows

BARS = 160
SYMBOLS = 3
DATA = np.array([random_rows(BARS, seed) for seed in range(SYMBOLS)])
OPENS, HIGHS, LOWS, CLOSES, VOLUMES = (np.ascontiguousarray(DATA[:, :, field].T) for field in range(5))


@pytest.mark.parametrize("symbol", range(SYMBOLS))
def test_the_last_values_agree_with_a_slow_implementation(symbol: int) -> None:
    closes, highs, lows = (list(map(float, each[:, symbol])) for each in (CLOSES, HIGHS, LOWS))
    last = BARS - 1
    bands = indicators.bollinger(CLOSES, 20, 2.0)
    line, signal = slow.macd(closes, 12, 26, 9)
    middle, width = slow.mean(closes, last, 20), 2 * slow.deviation(closes, last, 20)
    pairs = [
        (bands.middle[last, symbol], middle),
        (bands.upper[last, symbol], middle + width),
        (bands.lower[last, symbol], middle - width),
        (indicators.rsi(CLOSES, 14)[last, symbol], slow.rsi(closes, last, 14)),
        (indicators.macd(CLOSES, 12, 26, 9).line[last, symbol], line),
        (indicators.macd(CLOSES, 12, 26, 9).signal[last, symbol], signal),
        (indicators.atr(HIGHS, LOWS, CLOSES, 14)[last, symbol], slow.atr(highs, lows, closes, 14)),
        (indicators.roc(CLOSES, 4)[last, symbol], (closes[-1] / closes[-5] - 1) * 100),
        (indicators.previous_highest(HIGHS, 20)[last, symbol], max(highs[-21:-1])),
    ]
    for ours, theirs in pairs:
        assert slow.close_enough(float(ours), theirs, scale=100)


def test_a_value_does_not_depend_on_the_symbols_beside_it_to_the_bit() -> None:
    alone = np.ascontiguousarray(CLOSES[:, 1:2])

    def every(closes: Floats) -> list[Floats]:
        bands, macd = indicators.bollinger(closes, 20, 2.0), indicators.macd(closes, 12, 26, 9)
        return [*bands, *macd, indicators.rsi(closes, 14), indicators.roc(closes, 4)]

    for together, single in zip(every(CLOSES), every(alone), strict=True):
        np.testing.assert_array_equal(together[:, 1], single[:, 0])


def test_bars_before_the_first_value_are_not_numbers() -> None:
    assert np.isnan(indicators.rsi(CLOSES, 14)[13]).all()
    assert not np.isnan(indicators.rsi(CLOSES, 14)[14]).any()
    assert np.isnan(indicators.macd(CLOSES, 12, 26, 9).signal[32]).all()
    assert not np.isnan(indicators.macd(CLOSES, 12, 26, 9).signal[33]).any()
    for short in (CLOSES[:3], CLOSES[:0]):
        assert np.isnan(indicators.rsi(short, 14)).all()
        assert np.isnan(indicators.bollinger(short, 20, 2.0).upper).all()
        assert np.isnan(indicators.atr(short, short, short, 14)).all()
        assert np.isnan(indicators.roc(short, 4)).all()
        assert np.isnan(indicators.previous_highest(short, 4)).all()


def test_a_price_that_never_moved_has_an_rsi_of_50() -> None:
    flat = np.full((40, 1), 3.0)

    assert indicators.rsi(flat, 14)[-1, 0] == 50.0


@pytest.mark.parametrize("keep", [1, 2, 41, BARS, BARS + 5])
def test_the_last_bars_alone_are_the_same_to_the_bit_as_in_the_whole_series(keep: int) -> None:
    def every(keep: int | None) -> list[Floats]:
        strengths, ranges = indicators.rsi_and_atr(HIGHS, LOWS, CLOSES, 14, 9, keep=keep)
        return [
            *indicators.bollinger(CLOSES, 20, 2.0, keep=keep),
            *indicators.macd(CLOSES, 12, 26, 9, keep=keep),
            strengths,
            ranges,
            indicators.rsi(CLOSES, 14, keep=keep),
            indicators.atr(HIGHS, LOWS, CLOSES, 9, keep=keep),
            indicators.roc(CLOSES, 4, keep=keep),
            indicators.rolling_mean(VOLUMES, 20, keep=keep),
            indicators.previous_highest(HIGHS, 20, keep=keep),
        ]

    for whole, last in zip(every(None), every(keep), strict=True):
        np.testing.assert_array_equal(whole[-keep:], last)


def test_what_is_computed_in_one_pass_is_what_each_gives_alone_to_the_bit() -> None:
    strengths, ranges = indicators.rsi_and_atr(HIGHS, LOWS, CLOSES, 14, 9)
    macd, fast = indicators.macd(CLOSES, 12, 26, 9), indicators.ema(CLOSES, 12, start=14)

    np.testing.assert_array_equal(strengths, indicators.rsi(CLOSES, 14))
    np.testing.assert_array_equal(ranges, indicators.atr(HIGHS, LOWS, CLOSES, 9))
    np.testing.assert_array_equal(macd.line, fast - indicators.ema(CLOSES, 26))
    np.testing.assert_array_equal(macd.signal, indicators.ema(macd.line, 9, start=25))


def test_a_price_that_does_not_move_has_no_macd_at_all() -> None:
    macd = indicators.macd(np.full((200, 2), 100.0), 12, 26, 9)

    assert set(macd.line[-1]) == set(macd.signal[-1]) == {0.0}
