"""The command line refuses what cannot be shown, in one line."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from demo.__main__ import main, parse


def test_two_markets_at_once_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(["--candles", "x", "--exchange", "coinbase"])
    assert stopped.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.parametrize("bars", ["1", "0", "-5", "many"])
def test_too_few_bars_are_refused(capsys: pytest.CaptureFixture[str], bars: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse([f"--bars={bars}"])
    assert stopped.value.code == 2
    assert "--bars" in capsys.readouterr().err


def test_a_real_market_is_replayed_longer_unless_somebody_says_how_long() -> None:
    assert parse([]).bars < parse(["--candles", "x"]).bars
    assert parse(["--candles", "x", "--bars", "50"]).bars == 50


def test_a_folder_that_is_not_there_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINKAGE_LOCAL_DIR", str(tmp_path))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert main(["--candles", str(tmp_path / "missing")]) == 1
    assert "is not a folder of candle files" in " ".join(capsys.readouterr().out.split())
    assert list(tmp_path.iterdir()) == []


def test_a_second_demonstration_in_one_directory_is_refused_and_leaves_the_first_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINKAGE_LOCAL_DIR", str(tmp_path))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    (tmp_path / "demo" / "market").mkdir(parents=True)
    with (tmp_path / "demo" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main([]) == 1
    assert "another demonstration is running" in " ".join(capsys.readouterr().out.split())
    assert (tmp_path / "demo" / "market").exists()
