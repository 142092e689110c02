"""The report's benchmark runs, at a tiny size, and writes what others read."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from bench import report
from bench._history import make_history
from tests.support.ledger import LedgerDatabase


def test_it_times_every_query_and_writes_the_numbers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bench" / "report.json"
    monkeypatch.setattr(report, "OUT", out)
    monkeypatch.setattr(report, "WINDOW_ORDERS", 40)
    report.main(["--orders", "100", "--rounds", "1"])
    found = json.loads(out.read_text())
    assert set(found) == {"100"}
    times = found["100"]
    assert {"rate_6h_ms", "report_6h_ms", "window_scan_ms"} <= set(times)
    assert all(value > 0 for value in times.values())
    assert "growth" in capsys.readouterr().out


def test_the_window_holds_as_many_orders_in_every_size(ledger_database: LedgerDatabase) -> None:
    with psycopg.connect(
        ledger_database.server.dsn(database=ledger_database.name), autocommit=True
    ) as superuser:
        make_history(superuser, 300, window=40, end=report.END)
    start, end = report.WINDOW.start, report.WINDOW.end
    query = "SELECT count(*) FROM trade_records WHERE order_time >= %s AND order_time < %s"
    assert ledger_database.rows(query, start, end) == [(40,)]
    dispositions = dict(
        ledger_database.rows("SELECT disposition, count(*) FROM order_dispositions GROUP BY 1")
    )
    assert dispositions == {"linked": 270, "external": 30}
    assert ledger_database.rows("SELECT count(*) FROM episodes WHERE closed_at IS NOT NULL") == [(150,)]
