"""The recipes of docs/extending.md work as they stand, in a copy, and no other file changes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
COPIED = ("linkage", "strategies", "functions", "migrations", "infra", "local", "cli", "tests", "docs")

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

TRY_TREND = """
from strategies.matrix.strategy import MATRIX
parameters = MATRIX.parse("trend_bars = 30\\nmin_indicators = 8\\n[weights]\\ntrend = 1.5")
described = MATRIX.describe(parameters, symbols="*")
print(described["trend_bars"], described["weights"]["trend"], described["trend_margin"])
"""

MYBOT = '''"""The posts of mybot: one object with its own field names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from linkage.contracts.signals import Signal
from linkage.sources import canonical
from linkage.sources.sender import Sender

KEY_FIELD = "ref"
SETUP = """\\
In mybot's settings:
  URL    {url}
  token  {token}
"""


def is_native(fields: Mapping[str, Any]) -> bool:
    """Whether a post is mybot's: it has `market` where everybody else has `symbol`."""
    return "symbol" not in fields


def read_signal(fields: Mapping[str, Any], sender: Sender, now: datetime) -> Signal:
    """Return the signal that a post of mybot means."""
    names = {"ref": "client_order_id", "market": "symbol", "what": "side", "at": "signalled_at"}
    return canonical.read_signal({names[name]: value for name, value in fields.items()}, sender, now)
'''

TRY_MYBOT = """
from datetime import UTC, datetime
from functions.webhook.service import read_signal
from linkage.sources.sender import Sender
post = {"ref": "k1", "market": "BTC/USD", "what": "buy", "at": "2026-01-02T03:04:05Z"}
sender = Sender("b", source="mybot", venue="kraken", account="main")
signal, key_field = read_signal(post, sender, datetime(2026, 1, 2, 3, 5, tzinfo=UTC))
print(signal.client_order_id, signal.symbol, signal.side, key_field)
"""

BUSIEST = '''"""The first mode."""

from __future__ import annotations

from dataclasses import dataclass

from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.section import ReportContext, Section


@dataclass(frozen=True, slots=True)
class Limits(SectionLimits):
    """How much of it is shown."""

    bots: int = 1


def build(context: ReportContext, limits: Limits) -> list[str] | None:
    """Return what to say of the first mode, or None where there is none."""
    modes = sorted(context.document.modes, key=lambda mode: mode.mode)
    return [f"{mode.mode} is the busiest" for mode in modes[: limits.bots]] or None


SECTION = Section("busiest", build, Limits())
'''

TRY_BUSIEST = """
from functions.report.rendering.render import render
from tests.functions.report.documents import busy_document
report = render(busy_document(), stage="prod")
print("live is the busiest" in report.text, "live is the busiest" in report.html)
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.png"))
    return tmp_path


def files(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and not {"__pycache__", ".pytest_cache", ".hypothesis"} & set(path.parts)
    }


def run(root: Path, *arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def add_row(registry: Path, *, imported: str, after: str, row: str) -> None:
    """Add an import behind another line, and a row behind another row."""
    text = registry.read_text(encoding="utf-8")
    for line, added in ((imported.partition("\n")[0], imported.partition("\n")[2]), (after, row)):
        assert text.count(f"{line}\n") == 1, line
        text = text.replace(f"{line}\n", f"{line}\n{added}\n")
    registry.write_text(text, encoding="utf-8")


def named_files(title: str) -> set[str]:
    """Return the files that the numbered steps of a recipe name."""
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    steps = re.findall(r"^\d\. (.*?)(?=^\d\. |\n\n|\Z)", section, re.MULTILINE | re.DOTALL)
    return {
        name
        for step in steps
        for name in re.findall(r"`([a-z_/]+/[a-z_]+(?:\.[a-z0-9]+)+)`", step.partition(": ")[0])
    }


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def test_an_indicator_is_added_in_the_files_of_its_recipe_and_no_other(copy: Path) -> None:
    before = files(copy)
    folder = copy / "strategies/matrix/indicators"
    (folder / "trend.py").write_text(TREND, encoding="utf-8")
    add_row(
        folder / "registry.py",
        imported="from strategies.matrix.indicators.touch import TOUCH\n"
        "from strategies.matrix.indicators.trend import TREND",
        after="    SWING,",
        row="    TREND,",
    )
    run(copy, "-m", "tests.docs.strategy_page")

    assert changed(before, files(copy)) == named_files("An indicator")
    page = (copy / "docs/strategy.md").read_text(encoding="utf-8")
    assert "| `Buy Trend`, `Sell Trend` |" in page
    assert "| `trend_bars` | 50 | bars | ≥ 2, ≤ 200 |" in page
    assert "| `weights.trend` | 0 | score | ≥ 0, ≤ 100 |" in page
    assert run(copy, "-c", TRY_TREND).split() == ["30", "1.5", "0.01"]
    tests = ["tests/docs/test_strategy.py", "tests/strategies/matrix/test_registry.py"]
    tests += ["tests/strategies/matrix/test_completeness.py", "-k", "trend or not field"]
    passed = run(copy, "-m", "pytest", "-p", "no:cacheprovider", "-v", *tests)
    for test in (
        "test_the_warm_up_is_exact[trend-defaults]",
        "test_each_field_changes_a_decision[trend_margin]",
    ):
        assert f"{test} PASSED" in passed
    run(copy, "-m", "pytest", "-p", "no:cacheprovider", "-q", "tests/functions/sighook/test_service.py")


def test_a_source_is_added_in_the_files_of_its_recipe_and_no_other(copy: Path) -> None:
    before = files(copy)
    (copy / "linkage/sources/mybot.py").write_text(MYBOT, encoding="utf-8")
    registry = copy / "linkage/sources/registry.py"
    text = registry.read_text(encoding="utf-8")
    text = text.replace("import bottrader, canonical\n", "import bottrader, canonical, mybot\n")
    registry.write_text(text, encoding="utf-8")
    add_row(
        registry,
        imported="from linkage.sources.sender import Sender\n",
        after="    GENERIC,",
        row='    Source(name="mybot", docs="any-bot", setup=mybot.SETUP,'
        " read_signal=mybot.read_signal, is_native=mybot.is_native, key_field=mybot.KEY_FIELD),",
    )
    run(copy, "-m", "cli.reference")

    assert changed(before, files(copy)) == named_files("A source")
    assert "mybot" in (copy / "docs/cli.md").read_text(encoding="utf-8")
    assert run(copy, "-c", TRY_MYBOT).split() == ["k1", "BTC-USD", "buy", "ref"]
    assert "URL    U" in run(
        copy, "-c", "from linkage.sources.registry import BY_NAME as s; print(s['mybot'].setup.format("
        "url='U', api='A', token='T', venue='V', account='A'))"
    )  # fmt: skip
    passed = run(copy, "-m", "pytest", "-p", "no:cacheprovider", "-v", "tests/linkage/sources")
    assert "test_every_source_may_post_a_canonical_signal[mybot] PASSED" in passed


def test_a_section_of_the_report_is_added_in_the_files_of_its_recipe_and_no_other(copy: Path) -> None:
    before = files(copy)
    folder = copy / "functions/report/rendering/sections"
    (folder / "busiest.py").write_text(BUSIEST, encoding="utf-8")
    (folder / "busiest.html.j2").write_text("<p>{{ section | join }}</p>\n", encoding="utf-8")
    (folder / "busiest.txt.j2").write_text("{{ section | join }}\n", encoding="utf-8")
    add_row(
        folder / "__init__.py",
        imported="    bots,\n    busiest,",
        after="    bots.SECTION,",
        row="    busiest.SECTION,",
    )
    page = copy / "docs/mail.md"
    line = "| Executed orders by disposition | every order once |\n"
    text = page.read_text(encoding="utf-8")
    assert line in text
    page.write_text(text.replace(line, f"{line}| Busiest | the first mode |\n"))

    assert changed(before, files(copy)) == named_files("A section of the report")
    assert run(copy, "-c", TRY_BUSIEST).split() == ["True", "True"]


@pytest.mark.parametrize("title", ["A mail provider", "A derived table"])
def test_the_places_of_the_other_recipes_are_there(title: str) -> None:
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    places = re.findall(r"`([a-z_]+/[a-z_0-9/.]+)`", section)
    assert len(places) >= 4
    assert [place for place in places if not (ROOT / place).exists()] == []
