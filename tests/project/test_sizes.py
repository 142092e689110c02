"""Rooms are small enough to be read: files of at most 400 lines, functions of at most 60."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("linkage", "strategies", "functions", "infra", "local", "cli", "bench", "demo", "migrations")
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 60
REASON = "It is long because"
"""With these words a file's docstring says why it is longer."""


def product_files() -> Iterator[Path]:
    for folder in PRODUCT:
        yield from (ROOT / folder).rglob("*.py")


def test_a_file_is_short_or_says_why_it_is_not() -> None:
    long = []
    for path in product_files():
        text = path.read_text(encoding="utf-8")
        reason = REASON in (ast.get_docstring(ast.parse(text)) or "")
        if len(text.splitlines()) > MOST_LINES and not reason:
            long.append(f"{path.relative_to(ROOT)}: {len(text.splitlines())} lines")
    assert not long


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for path in product_files()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > MOST_LINES_OF_A_FUNCTION
    ]
    assert not long


@pytest.mark.parametrize(
    ("folder", "ending", "heading"),
    [
        ("linkage/adapters/postgres", "py", "| file | what is in it |"),
        ("migrations/schema", "sql", "| file of the schema | what is in it |"),
    ],
)
def test_files_and_lines_of_a_table_of_the_architecture_page_are_the_same(
    folder: str, ending: str, heading: str
) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table, _, _ = page.partition(f"{heading}\n")[2].partition("\n\n")
    named = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    found = [
        path.relative_to(ROOT / folder).as_posix()
        for path in (ROOT / folder).rglob(f"*.{ending}")
        if path.name != "__init__.py"
    ]
    assert sorted(named) == sorted(found)
