"""A symbol whose bars cannot be trusted is left out, and its reason is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from linkage.ports.market import Candles
from linkage.strategy.window import select_window
from strategies.matrix.parameters import Parameters
from tests.strategies.matrix.markets import NOON, candles_of, later, random_rows

PARAMETERS = Parameters()


@pytest.fixture
def candles() -> Candles:
    return candles_of({"A-USD": random_rows(300, 1), "B-USD": random_rows(300, 2)})


def missing(candles: Candles, row: int, *bars: int) -> Candles:
    for values in (candles.opens, candles.highs, candles.lows, candles.closes, candles.volumes):
        values[row, list(bars)] = np.nan
    return candles


@pytest.mark.parametrize(
    ("bars", "reason"),
    [
        ([-1], "missing_last_bar"),
        ([0], "too_few_bars"),
        ([-60], "gap"),
        (list(range(100, 146)), "gaps"),
    ],
)
def test_missing_bars_have_a_reason_by_where_they_are(candles: Candles, bars: list[int], reason: str) -> None:
    window = select_window(missing(candles, 0, *bars), PARAMETERS, NOON)

    assert window.skipped == {"A-USD": reason}
    assert window.symbols == ("B-USD",)
    assert window.closes.shape == (300, 1)


def test_an_old_short_gap_is_bridged_by_the_close_before_it(candles: Candles) -> None:
    window = select_window(missing(candles, 0, 100, 101), PARAMETERS, NOON)

    assert window.skipped == {}
    before = candles.closes[0, 99]
    for values in (window.opens, window.highs, window.lows, window.closes):
        assert list(values[100:102, 0]) == [before, before]
    assert list(window.volumes[100:102, 0]) == [0.0, 0.0]


@pytest.mark.parametrize("column", ["opens", "highs", "lows", "volumes"])
@pytest.mark.parametrize("value", [np.nan, -1.0, np.inf])
def test_a_value_that_is_no_price_has_a_reason(candles: Candles, column: str, value: float) -> None:
    getattr(candles, column)[0, 250] = value

    assert select_window(candles, PARAMETERS, NOON).skipped == {"A-USD": "invalid_values"}


def test_a_high_under_the_close_and_a_last_bar_without_volume_have_a_reason(candles: Candles) -> None:
    candles.highs[0, 250] = candles.closes[0, 250] * 0.99
    candles.volumes[1, -1] = 0.0

    assert select_window(candles, PARAMETERS, NOON).skipped == {
        "A-USD": "invalid_values",
        "B-USD": "no_volume",
    }


def test_candles_that_end_too_early_are_not_traded_on(candles: Candles) -> None:
    window = select_window(candles, PARAMETERS, later(1))

    assert set(window.skipped.values()) == {"missing_last_bar"}
    assert window.symbols == ()


def test_a_bar_that_has_not_closed_is_not_read(candles: Candles) -> None:
    before = select_window(replace(candles, symbols=candles.symbols), Parameters(bars=200), later(-1))

    assert before.closes[-1, 0] == candles.closes[0, -2]


def test_another_interval_and_refused_symbols_keep_their_reason(candles: Candles) -> None:
    refused = replace(candles, refused={"C-USD": "unknown_symbol"})

    assert select_window(refused, PARAMETERS, NOON).skipped == {"C-USD": "unknown_symbol"}
    assert select_window(candles, Parameters(interval_seconds=900), NOON).skipped == {
        "A-USD": "wrong_interval",
        "B-USD": "wrong_interval",
    }
