"""What was tried stays on the list, once, with its latest result."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from linkage.domain.errors import InvalidInputError
from local.backtest.trials import Trial, read_trials, save_trial, trials_file

START = datetime(2026, 1, 1, tzinfo=UTC)
TRIAL = Trial(
    strategy="matrix",
    params_hash="p1",
    config_hash="c1",
    data_hash="d1",
    start=START,
    end=START + timedelta(days=1),
    result={"executed": 3},
    tried_at=START + timedelta(days=300),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "trials.jsonl"


def test_there_is_nothing_before_the_first_one(file: Path) -> None:
    assert read_trials(file) == []


def test_the_same_trial_again_is_no_second_one(file: Path) -> None:
    later = replace(TRIAL, tried_at=TRIAL.tried_at + timedelta(days=1))

    assert save_trial(TRIAL, file)
    assert not save_trial(later, file)
    assert read_trials(file) == [TRIAL]


@pytest.mark.parametrize(
    "other",
    [
        replace(TRIAL, params_hash="p2"),
        replace(TRIAL, data_hash="d2"),
        replace(TRIAL, end=TRIAL.end + timedelta(days=1)),
        replace(TRIAL, strategy="mine"),
    ],
)
def test_other_parameters_data_or_period_are_another_trial(file: Path, other: Trial) -> None:
    save_trial(TRIAL, file)
    assert save_trial(other, file)
    assert read_trials(file) == [TRIAL, other]


def test_a_new_version_of_the_strategy_gives_the_trial_a_new_result(file: Path) -> None:
    save_trial(TRIAL, file)
    newer = replace(TRIAL, config_hash="c2", result={"executed": 4})
    assert save_trial(newer, file)
    assert read_trials(file) == [newer]
    assert len(file.read_text().splitlines()) == 2


def test_a_line_that_is_no_trial_is_told(file: Path) -> None:
    save_trial(TRIAL, file)
    with file.open("a") as stream:
        stream.write("{}\n")
    with pytest.raises(InvalidInputError, match="line 2, is no trial"):
        read_trials(file)


def test_the_list_is_the_users_own_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LINKAGE_TRIALS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert trials_file() == tmp_path / "linkage" / "trials.jsonl"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert trials_file() == tmp_path / ".local" / "share" / "linkage" / "trials.jsonl"
    monkeypatch.setenv("LINKAGE_TRIALS", str(tmp_path / "mine"))
    assert trials_file() == tmp_path / "mine"
