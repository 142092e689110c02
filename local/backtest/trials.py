"""Every parameter set that was ever tried here: one line of JSON each, in a file of the user's own.

A backtest's ledger goes when it ends, and what was tried on the way must not go with it: the best of twenty
worthless sets looks good two times in three, so the reader of a result has to know of the other nineteen.
The file belongs to the person and not to a stage, because most sets are tried before any of them is deployed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from linkage.domain.canonical import iso_utc, parse_utc
from linkage.domain.errors import InvalidInputError

FILE_NAME = "trials.jsonl"


@dataclass(frozen=True, slots=True)
class Trial:
    """One parameter set on one set of candles, over one period.

    Attributes:
        params_hash: of the parameters without code version and exclusions. config_hash: with them.
        data_hash: of the candles and of how the venue behaves.
        result: what came of it, JSON-ready.
    """

    strategy: str
    params_hash: str
    config_hash: str
    data_hash: str
    start: datetime
    end: datetime
    result: Mapping[str, Any]
    tried_at: datetime
    label: str | None = None

    @property
    def key(self) -> dict[str, Any]:
        """What makes two of them the same trial."""
        return {
            "strategy": self.strategy,
            "params_hash": self.params_hash,
            "data_hash": self.data_hash,
            "start": self.start,
            "end": self.end,
        }

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "strategy": self.strategy,
            "params_hash": self.params_hash,
            "config_hash": self.config_hash,
            "data_hash": self.data_hash,
            "from": iso_utc(self.start),
            "to": iso_utc(self.end),
            "label": self.label,
            "result": dict(self.result),
            "tried_at": iso_utc(self.tried_at),
        }


def trials_file() -> Path:
    """Return where the trials are stored.

    ``LINKAGE_TRIALS`` names another file; else it is in the user's data folder (XDG_DATA_HOME).
    """
    chosen = os.environ.get("LINKAGE_TRIALS")
    if chosen:
        return Path(chosen)
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "linkage" / FILE_NAME


def save_trial(trial: Trial, path: Path) -> bool:
    """Add a trial to the file; False when the same one with the same result is there."""
    known = {_identity(other): other for other in read_trials(path)}
    before = known.get(_identity(trial))
    if before is not None and (before.config_hash, before.result) == (trial.config_hash, trial.result):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(trial.document(), separators=(",", ":"), ensure_ascii=False) + "\n")
    return True


def read_trials(path: Path) -> Sequence[Trial]:
    """Return the trials in the order in which they were first tried; of the same one, the latest result.

    Raises:
        InvalidInputError: a line of the file is no trial.
    """
    if not path.exists():
        return []
    trials: dict[tuple[Any, ...], Trial] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            trial = _trial(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInputError(f"{path}, line {number}, is no trial: {error}", "trials") from None
        trials[_identity(trial)] = trial
    return list(trials.values())


def _identity(trial: Trial) -> tuple[Any, ...]:
    return tuple(trial.key.values())


def _trial(row: Mapping[str, Any]) -> Trial:
    return Trial(
        strategy=row["strategy"],
        params_hash=row["params_hash"],
        config_hash=row["config_hash"],
        data_hash=row["data_hash"],
        start=parse_utc(row["from"]),
        end=parse_utc(row["to"]),
        label=row.get("label"),
        result=row["result"],
        tried_at=parse_utc(row["tried_at"]),
    )
