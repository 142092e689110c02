"""Tests over reported cases are collected only where those cases are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.scenarios.conftest import expiry, new_world, used_databases, world

__all__ = ["CASES", "case", "expiry", "new_world", "used_databases", "world"]

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"

collect_ignore = [] if CASES.is_dir() else ["test_facts.py"]


def case(name: str) -> Any:
    """Return what was sent in a reported case."""
    return json.loads((CASES / f"{name}.json").read_text())["input"]
