"""On real candles the indicators agree with TA-Lib, and the strategy trades."""

from __future__ import annotations

import gzip
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import talib

from linkage.adapters.markets.files import FileMarket
from linkage.strategy.arrays import Floats
from linkage.strategy.state import StrategyState
from strategies.matrix.indicators.bands import bollinger
from strategies.matrix.indicators.recursive import recursive
from strategies.matrix.indicators.roc import roc
from strategies.matrix.strategy import MATRIX
from tests.strategies.matrix.conftest import REAL_CANDLES

FILES = sorted(REAL_CANDLES.glob("*.csv.gz"))
WARM_UP = 40
EAGER = """
score_buy_target = 4.0
score_sell_target = 4.0
roc_momo_buy = 1.5
roc_momo_sell = -1.5
rsi_gate_low = 35
rsi_gate_high = 65
"""


def read(path: Path) -> Floats:
    # TA-Lib takes everything under 1e-14 for zero; prices of 5e-5 have variances of that size.
    with gzip.open(path, "rt") as file:
        rows = [line.split(",")[1:6] for line in file.read().splitlines()[1:]]
    values = np.array(rows, dtype=np.float64).T
    values[:4] *= 1000 / values[3, 0]
    return values


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.name).partition("_")[0])
def test_the_indicators_agree_with_ta_lib(path: Path) -> None:
    _, highs, lows, closes, _ = read(path)
    column = closes[:, None]
    upper, middle, lower = talib.BBANDS(closes, timeperiod=20, nbdevup=2, nbdevdn=2)
    line, signal, _ = talib.MACD(closes, 12, 26, 9)
    bands = bollinger(column, 20, 2.0)
    own = recursive(
        highs[:, None], lows[:, None], column,
        rsi_period=14, atr_period=14, macd_fast=12, macd_slow=26, macd_signal=9,
    )  # fmt: skip
    pairs = {
        "rsi": (own.rsi, talib.RSI(closes, 14)),
        "upper": (bands.upper, upper),
        "middle": (bands.middle, middle),
        "lower": (bands.lower, lower),
        "macd": (own.macd.line, line),
        "signal": (own.macd.signal, signal),
        "atr": (own.atr, talib.ATR(highs, lows, closes, 14)),
        "roc": (roc(column, 4), talib.ROC(closes, 4)),
    }
    for name, (ours, theirs) in pairs.items():
        np.testing.assert_allclose(ours[WARM_UP:, 0], theirs[WARM_UP:], rtol=0, atol=1e-9, err_msg=name)


def test_the_strategy_trades_every_symbol_and_each_decision_can_be_recomputed() -> None:
    market, parameters = FileMarket(REAL_CANDLES), MATRIX.parse(EAGER)
    snapshot = MATRIX.snapshot(parameters, symbols="*")
    state, sent, triggers = StrategyState(), Counter[str](), Counter[str]()
    first = market.first_open() + timedelta(seconds=300 * 301)
    for bar in range(60):
        now = first + timedelta(seconds=300 * bar)
        candles = market.candles(market.symbols(), as_of=now, bars=300, interval_seconds=300)
        decided = MATRIX.decide(candles, state, parameters, now)
        state = decided.state
        for one in decided.decisions:
            sent[one.symbol] += one.is_sent
            triggers[one.trigger] += 1
            fact = {"symbol": one.symbol, "signalled_at": now}
            again = MATRIX.recompute(fact, snapshot.parameters, candles)
            assert again is not None
            assert replace(again, guardrail=one.guardrail) == one

    assert sum(count > 0 for count in sent.values()) >= 5
    assert sum(sent.values()) >= 20
    assert set(triggers) == {"score", "roc_momo"}
