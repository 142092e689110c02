"""``linkage export``: pages of closed lots become one table, on the ledger that was written by hand."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars
import pytest
from typer.testing import CliRunner, Result

from cli.cloud import Cloud, CommandError, Options
from cli.main import app
from linkage.adapters.postgres.read import export
from linkage.runtime.dependencies import reset
from tests.cli.ledger_cloud import LedgerCloud
from tests.support import forty_trades as hand
from tests.support.hand_ledger import tell_forty_trades
from tests.support.ledger import LedgerDatabase


@pytest.fixture
def cloud(ledger_database: LedgerDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[LedgerCloud]:
    tell_forty_trades(ledger_database)
    ledger_database.rows(
        "UPDATE strategy_snapshots SET strategy = 'matrix', label = '=A', params_hash = 'p',"
        """ parameters = '{"score_buy": 2.50, "rsi": {"low": "30"}, "name": "deep"}' RETURNING 1"""
    )
    ledger_database.rows(
        "UPDATE trade_strategy_link SET indicators_fired = '{rsi,roc}', indicator_breakdown ="
        """ '{"rsi": {"value": 28.125, "decision": "buy"}}' RETURNING 1"""
    )
    for name, value in ledger_database.settings("reader").items():
        monkeypatch.setenv(f"LINKAGE_{name.upper()}", str(value))
    yield LedgerCloud()
    reset()


def run(cloud: Cloud, *arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["export", *arguments], obj=Options(cloud=cloud))


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_each_closed_lot_is_a_row_with_all_that_is_known_of_it(cloud: LedgerCloud, tmp_path: Path) -> None:
    path = tmp_path / "lots.csv"
    result = run(cloud, str(path))
    assert result.exit_code == 0, result.output
    rows = rows_of(path)
    assert len(rows) == len(hand.LOTS)
    assert sum(Decimal(row["net_pnl"]) for row in rows) == sum(Decimal(lot.net) for lot in hand.LOTS)
    first = next(row for row in rows if row["entry_order_id"] == hand.order_id(1))
    expected = {
        "net_pnl": "9.79", "symbol": "BTC-USDT", "entry_trigger": "dip", "exit_kind": "take_profit",
        "arm": "main", "hour": "9", "holding_seconds": "600", "entry_delay_seconds": "60",
        "entry_slippage": "0.010101010101010101", "param.score_buy": "2.5", "param.rsi.low": "30",
        "param.name": "deep", "indicator.rsi.value": "28.125", "indicator.rsi.decision": "buy",
        "indicators_fired": "rsi roc", "label": "'=A", "buy_score": "2.5",
    }  # fmt: skip
    assert {name: first[name] for name in expected} == expected


def test_parquet_opens_with_numbers_times_and_text(cloud: LedgerCloud, tmp_path: Path) -> None:
    path = tmp_path / "lots.parquet"
    result = run(cloud, str(path))
    assert result.exit_code == 0, result.output
    frame = polars.read_parquet(path)
    assert frame.height == len(hand.LOTS)
    first = frame.filter(polars.col("entry_order_id") == hand.order_id(1)).row(0, named=True)
    assert first["closed_at"] == hand.moment(10)
    assert (first["net_pnl"], first["param.score_buy"], first["param.name"]) == (9.79, 2.5, "deep")
    assert (first["mixed"], first["label"]) == (False, "=A")


def test_it_is_read_and_held_page_by_page(
    cloud: LedgerCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, paged = tmp_path / "whole.csv", tmp_path / "paged.csv"
    run(cloud, str(whole))
    monkeypatch.setattr(export, "PAGE_ROWS", 5)
    cloud.asked.clear()
    run(cloud, str(paged))
    pages = [payload for payload in cloud.asked if payload["op"] == "export"]
    assert len(pages) == 5
    assert "after" not in pages[0]
    assert all("after" in payload for payload in pages[1:])
    assert paged.read_text() == whole.read_text()


def test_from_and_until_are_times_of_closing(cloud: LedgerCloud, tmp_path: Path) -> None:
    path = tmp_path / "lots.csv"
    run(cloud, str(path), "--from", "2026-11-02T09:30", "--until", "2026-11-02T10:00")
    closed = [datetime.fromisoformat(row["closed_at"]) for row in rows_of(path)]
    assert len(closed) == 4
    assert min(closed) == datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
    assert max(closed) < datetime(2026, 11, 2, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_export_that_broke_off_leaves_no_half_of_a_file(
    cloud: LedgerCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / "new" / f"lots.{suffix}"
    run(cloud, str(path))
    before = path.read_bytes()
    monkeypatch.setattr(export, "PAGE_ROWS", 5)
    answer = cloud.invoke

    def breaks(output_name: str, payload: Mapping[str, object], **more: float) -> Any:
        if "after" in payload:
            raise CommandError("the line is dead")
        return answer(output_name, payload, **more)

    monkeypatch.setattr(cloud, "invoke", breaks)
    assert run(cloud, str(path)).exit_code != 0
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lots.xlsx"], "has to end in"),
        (["x.csv", "--from", "2030-01-01", "--until", "2029-01-01"], "must start before"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(arguments: list[str], words: str) -> None:
    result = run(Cloud("test"), *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
