"""The recorder's benchmark runs, at a tiny size, and writes what others read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import recorder


def test_the_benchmark_measures_everybody_and_writes_its_numbers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bench" / "recorder.json"
    monkeypatch.setattr(recorder, "OUT", out)
    monkeypatch.setattr(recorder, "ROUNDS", {1: 1, 3: 2})
    monkeypatch.setattr(recorder, "GROWTH_ROUNDS", 1)
    recorder.main(["--orders", "20"])
    report = json.loads(out.read_text())
    names = {"handler_us", "database_us", "copy_us", "orm_us"}
    assert set(report) == {"batches", "growth", "round_trips"}
    assert {size: set(found) for size, found in report["batches"].items()} == {
        "1": {"first", "replay"},
        "3": {"first", "replay"},
    }
    measured = [numbers for found in report["batches"].values() for numbers in found.values()]
    assert all(set(numbers) == names and min(numbers.values()) > 0 for numbers in measured)
    assert set(report["growth"]) == {"0", "20"}
    assert report["round_trips"] == 2
    printed = capsys.readouterr().out
    assert "database / COPY" in printed
    assert "increasing ids" in printed
    assert "random ids" in printed
