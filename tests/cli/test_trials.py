"""``linkage trials --record``: what was tried on candles of the past reaches the stage's ledger."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli import backtest
from linkage.adapters.postgres.read.comparisons import count_tried
from linkage.domain.errors import InvalidInputError
from local.backtest.trials import Trial, save_trial
from tests.cli.deployed import WorldCloud, run
from tests.scenarios.world import World

START = datetime(2026, 1, 1, tzinfo=UTC)
TRIAL = Trial("matrix", "p1", "c1", "d1", START, START + timedelta(days=1), {"executed": 3}, START)


@pytest.fixture
def cloud(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorldCloud:
    monkeypatch.setenv("LINKAGE_TRIALS", str(tmp_path / "trials.jsonl"))
    for number in (1, 2, 3):
        save_trial(replace(TRIAL, params_hash=f"p{number}"), tmp_path / "trials.jsonl")
    return WorldCloud(world)


def tried(cloud: WorldCloud) -> int:
    with cloud.world.database.connect("reader") as connection:
        return count_tried(connection)


def test_verdicts_allow_for_recorded_sets_however_often_they_are_recorded(
    cloud: WorldCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtest, "TRIALS_PER_REQUEST", 2)
    before = tried(cloud)

    assert json.loads(run(cloud, "trials", "--record", "--json").stdout) == {"trials": 3, "new": 3}
    assert "has all 3 trials; 0 of them are new." in run(cloud, "trials", "--record").stderr
    assert tried(cloud) == before + 3
    rows = cloud.world.rows("SELECT strategy, period_end, label, result, tried_at FROM trials")
    assert set(map(repr, rows)) == {repr(("matrix", TRIAL.end, None, TRIAL.result, START))}


def test_what_is_no_trial_is_refused_whole(cloud: WorldCloud) -> None:
    good = TRIAL.document()
    for bad in ({**good, "from": "yesterday"}, {**good, "to": good["from"]}, {**good, "result": None}):
        with pytest.raises(InvalidInputError, match="no trial"):
            cloud.invoke("SweepFunction", {"trials": [good, bad]})
    assert cloud.world.rows("SELECT FROM trials") == []
