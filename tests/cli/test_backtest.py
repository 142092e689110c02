"""`linkage backtest` says in one line what is wrong, and `linkage trials` lists what was tried."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from demo.market import prepare
from demo.sources import from_simulation
from tests.support.clock import FrozenClock


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LINKAGE_TRIALS", str(tmp_path / "trials.jsonl"))
    candles, source = from_simulation(7, bars=30)
    return prepare(candles, tmp_path / "candles", source=source, now=FrozenClock().now(), bars=30).folder


def refused(*words: str) -> str:
    done = CliRunner().invoke(app, ["backtest", *words])
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def test_wrong_input_is_one_line_with_the_field_and_exit_code_two(folder: Path, tmp_path: Path) -> None:
    candles = ("--candles", str(folder))
    bad = tmp_path / "bad.toml"
    bad.write_text("score_buy_taget = 3.0")

    assert "score_buy_taget" in refused(*candles, "--params", str(bad))
    assert "score_buy_taget: no rule of the venue" in refused(*candles, "--venue", str(bad))
    assert "--params" in refused(*candles, "--params", str(tmp_path / "missing.toml"))
    assert "is no folder" in refused("--candles", str(tmp_path / "missing"))
    assert "--from and --to" in refused(*candles, "--from", "2030-01-01")
    assert "no_such_module" in refused(*candles, "--strategy", "no_such_module:THING")
    assert not (tmp_path / "trials.jsonl").exists()


def test_a_backtest_writes_its_report_and_stays_on_the_list(folder: Path, tmp_path: Path) -> None:
    out, mine = tmp_path / "out", tmp_path / "mine.toml"
    mine.write_text("score_buy_target = 2.0\nscore_sell_target = 3.0\nmin_indicators = 1\n")
    words = ["backtest", "--candles", str(folder), "--params", str(mine), "--out", str(out)]

    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "trades linked" in done.stdout
    assert {"report.html", "report.txt", "report.json", "orders.csv"} <= {path.name for path in out.iterdir()}
    shown = re.findall(r'<img [^>]*src="([^"]+)"', (out / "report.html").read_text())
    assert shown
    assert all((out / name).read_bytes().startswith(b"\x89PNG") for name in shown)

    listed = json.loads(CliRunner().invoke(app, ["trials", "--json"]).stdout)
    written = json.loads((out / "report.json").read_text())
    assert len(listed) == 1
    assert listed[0].pop("tried_at")
    assert listed[0] == written["trial"]
    assert "Parameter sets: 1, in 1 trials." in " ".join(CliRunner().invoke(app, ["trials"]).output.split())
