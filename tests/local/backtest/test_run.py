"""A backtest links every trade, adds up, and says the same whenever it is run."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from linkage.domain.errors import SchemaMismatchError
from local.backtest.history import Request, open_history
from local.backtest.ledger import OwnLedger, own_ledger
from local.backtest.run import Outcome, files_of, run
from strategies.matrix.strategy import MATRIX

PARAMETERS = """
score_buy_target = 2.0
score_sell_target = 3.0
min_indicators = 1
cooldown_bars = 1
take_profit = 0.012
stop_loss = 0.01
"""
NOW = datetime(2026, 11, 23, tzinfo=UTC)
LATER = datetime(2027, 1, 1, tzinfo=UTC)
NewLedger = Callable[[], OwnLedger]


def tried(folder: Path, ledger: OwnLedger, *, at: datetime = NOW, document: str = PARAMETERS) -> Outcome:
    history = open_history(Request(folder, MATRIX, document))
    return run(history, ledger, lambda *_: None, tried_at=at)


def test_every_trade_is_linked_and_what_was_traded_adds_up(
    candle_folder: Path, new_ledger: NewLedger
) -> None:
    ledger = new_ledger()
    outcome = tried(candle_folder, ledger)
    result = outcome.result

    assert outcome.all_linked
    assert result["executed"] == sum(result["by_trigger"].values()) > 50
    assert result["bars"] == 81
    assert {"score", "take_profit", "stop_loss"} <= set(result["by_trigger"])
    assert outcome.report.level == "ok"
    rows = ledger.rows(
        "SELECT side, sum(price * quantity) AS value, sum(fee) AS fees FROM counted_fills"
        " WHERE kind = 'FILL' GROUP BY side"
    )
    totals = {row.side: row for row in rows}
    (money,) = result["money"].values()
    assert Decimal(money["spent"]) == round(totals["buy"].value, 12)
    assert Decimal(money["got"]) == round(totals["sell"].value, 12)
    assert Decimal(money["fees"]) == totals["buy"].fees + totals["sell"].fees
    net = sum((Decimal(money[name]) for name in ("got", "held")), Decimal(0))
    net -= sum((Decimal(money[name]) for name in ("spent", "fees")), Decimal(0))
    assert abs(Decimal(money["net"]) - net) < Decimal("1e-10")
    assert ledger.rows("SELECT count(*) FROM strategy_runs") == [(81,)]
    episodes = result["episodes"]
    assert episodes["won"] + episodes["lost"] == episodes["closed"] > 10
    (sums,) = ledger.rows(
        "SELECT (SELECT sum(net_pnl) FROM episodes) AS earned,"
        " (SELECT sum(entry_value + entry_fee) FROM open_lots) AS paid_for_the_rest"
    )
    matched = sums.earned + Decimal(money["held"]) - sums.paid_for_the_rest
    assert abs(Decimal(money["net"]) - matched) < Decimal("1e-9")


def test_twice_the_same_is_the_same_to_the_byte(candle_folder: Path, new_ledger: NewLedger) -> None:
    first, second = new_ledger(), new_ledger()
    one, other = tried(candle_folder, first), tried(candle_folder, second, at=LATER)

    assert files_of(one) == files_of(other)
    query = "SELECT params_hash, config_hash, data_hash, period_start, period_end, result FROM trials"
    assert first.rows(query) == second.rows(query)
    assert first.rows("SELECT tried_at FROM trials") != second.rows("SELECT tried_at FROM trials")


def test_the_same_trial_is_written_down_once_and_for_good(candle_folder: Path, new_ledger: NewLedger) -> None:
    ledger = new_ledger()
    outcome = tried(candle_folder, ledger)
    again = tried(candle_folder, ledger, at=LATER)

    assert again.result == outcome.result
    (row,) = ledger.rows("SELECT result, tried_at FROM trials")
    assert (row.result, row.tried_at) == (outcome.result, NOW)
    with pytest.raises(SchemaMismatchError, match="permission denied for table trials"):
        ledger.recorder.run(lambda connection: connection.execute("DELETE FROM trials"))


def test_a_strategy_that_decides_nothing_gives_a_report_that_says_so(
    candle_folder: Path, new_ledger: NewLedger
) -> None:
    outcome = tried(candle_folder, new_ledger(), document="score_buy_target = 900\nscore_sell_target = 900")

    assert (outcome.result["signals"], outcome.result["executed"]) == (0, 0)
    assert outcome.all_linked
    assert json.loads(files_of(outcome)["report.json"])["trial"]["result"]["money"] == {}


def test_its_ledger_has_a_server_of_its_own_that_goes_when_it_ends(candle_folder: Path) -> None:
    with own_ledger() as ledger:
        folder = ledger.server.folder
        assert ledger.rows("SELECT count(*) FROM trials") == [(0,)]
        assert folder.exists()
    assert not folder.parent.exists()
    assert ledger.server.pid == 0
