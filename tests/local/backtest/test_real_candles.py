"""On candles of a real exchange every trade of a backtest is linked as well."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from local.backtest.history import Request, open_history
from local.backtest.ledger import OwnLedger
from local.backtest.run import run
from strategies.matrix.strategy import MATRIX
from tests.strategies.matrix.conftest import REAL_CANDLES

PARAMETERS = "score_buy_target = 3.0\nscore_sell_target = 4.0\nmin_indicators = 1\ncooldown_bars = 1"


def test_half_a_day_of_seven_markets_is_traded_and_linked(new_ledger: Callable[[], OwnLedger]) -> None:
    start, end = datetime(2018, 1, 16, tzinfo=UTC), datetime(2018, 1, 16, 12, tzinfo=UTC)
    history = open_history(Request(REAL_CANDLES, MATRIX, PARAMETERS, start=start, end=end))
    outcome = run(history, new_ledger(), lambda *_: None, tried_at=end)

    assert history.bars == 144
    assert len(outcome.result["symbols"]) == 7
    assert outcome.result["executed"] > 50
    assert outcome.all_linked
    assert set(outcome.result["money"]) == {"BTC"}
