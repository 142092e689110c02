"""An object of many fields is made by their names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("linkage", "strategies", "functions", "migrations", "infra", "local", "cli", "bench", "demo")
MOST = 4
"""Values that may be given by position."""

_CLASS = re.compile(r"_?[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*")


def made_by_position(source: str) -> list[tuple[int, str]]:
    """Return the line and the class of each object that is made of too many values by position."""
    return [
        (node.lineno, name)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and _CLASS.fullmatch(name := getattr(node.func, "id", getattr(node.func, "attr", "")))
        and len(node.args) > MOST
    ]


def test_no_object_is_made_of_more_than_four_values_by_position() -> None:
    assert [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, name in made_by_position(path.read_text(encoding="utf-8"))
    ] == []


def test_five_values_by_position_are_found_and_four_are_not() -> None:
    source = "A.Bar(1, 2, 3, 4, 5)\n_Foo(1, 2, 3, 4)\n_Foo(1, 2, 3, 4, *rest)\nfoo(1, 2, 3, 4, 5)"
    assert made_by_position(source) == [(1, "Bar"), (3, "_Foo")]
