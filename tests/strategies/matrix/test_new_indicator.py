"""A new indicator is one file and one row: parameters, weight, bounds, docs and tests follow from them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
REGISTRY = "strategies/matrix/indicators/registry.py"
COPIED = ("linkage", "strategies", "functions", "tests/__init__.py", "tests/docs", "tests/strategies", "docs")

TREND = '''"""Trend: how far the close is from its mean."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from strategies.matrix.indicators.indicator import Indicator, Measured, Outcome, Side
from strategies.matrix.indicators.rolling import rolling_mean
from strategies.matrix.indicators.studies import Fraction, Period, Studies, StudyParameters


class TrendParameters(StudyParameters):
    """The close is compared with its mean over ``trend_bars``, give or take ``trend_margin``."""

    trend_bars: Period = 50
    trend_margin: Fraction = 0.01


def compute(studies: Studies, p: TrendParameters) -> Measured:
    """Compare the close with its mean."""
    mean = rolling_mean(studies.closes, p.trend_bars, keep=1)[-1]
    distance = studies.close / mean - 1
    return Measured(
        ~np.isnan(mean),
        buy=Outcome(distance > p.trend_margin, distance, p.trend_margin),
        sell=Outcome(distance < -p.trend_margin, distance, -p.trend_margin),
    )


TREND = Indicator(
    name="trend",
    buy=Side("Buy Trend", "close over its mean by more than `trend_margin`"),
    sell=Side("Sell Trend", "under it by more than that"),
    weight=Decimal(0),
    source="TA-Lib, function SMA",
    parameters=TrendParameters,
    warmup_bars=lambda p: p.trend_bars,
    compute=compute,
)
'''

TRY = """
from strategies.matrix.strategy import MATRIX
parameters = MATRIX.parse("trend_bars = 30\\nmin_indicators = 8\\n[weights]\\ntrend = 1.5")
described = MATRIX.describe(parameters, symbols="*")
print(described["trend_bars"], described["weights"]["trend"], described["trend_margin"])
"""


def add_indicator(root: Path) -> None:
    """Do what the recipe says."""
    (root / "strategies/matrix/indicators/trend.py").write_text(TREND, encoding="utf-8")
    registry = root / REGISTRY
    text = registry.read_text(encoding="utf-8")
    text = text.replace("    SWING,\n", "    SWING,\n    TREND,\n")
    text = text.replace("\nINDICATORS", "from strategies.matrix.indicators.trend import TREND\n\nINDICATORS")
    registry.write_text(text, encoding="utf-8")
    run(root, "-m", "tests.docs.strategy_page")


def run(root: Path, *arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and not {"__pycache__", ".pytest_cache"} & set(path.parts)
    }


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in COPIED:
        source, target = ROOT / name, tmp_path / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    return tmp_path


def test_a_new_indicator_is_one_file_and_one_row_and_the_page_is_written_anew(copy: Path) -> None:
    before = files(copy)
    add_indicator(copy)
    after = files(copy)

    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed == {"strategies/matrix/indicators/trend.py", REGISTRY, "docs/strategy.md"}
    page = (copy / "docs/strategy.md").read_text(encoding="utf-8")
    assert "| `Buy Trend`, `Sell Trend` |" in page
    assert "| `trend_bars` | 50 | bars | ≥ 2, ≤ 200 |" in page
    assert "| `weights.trend` | 0 | score | ≥ 0, ≤ 100 |" in page
    assert run(copy, "-c", TRY).split() == ["30", "1.5", "0.01"]
    tests = ["tests/docs/test_strategy.py", "tests/strategies/matrix/test_registry.py"]
    tests += ["tests/strategies/matrix/test_completeness.py", "-k", "trend or not field"]
    passed = run(copy, "-m", "pytest", "-p", "no:cacheprovider", "-v", *tests)
    for test in (
        "test_the_warm_up_is_exact[trend-defaults]",
        "test_each_field_changes_a_decision[trend_margin]",
    ):
        assert f"{test} PASSED" in passed
