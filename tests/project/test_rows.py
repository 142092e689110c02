"""Rows of the ledger are read by the names of their columns, so that a statement can be rearranged."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project.test_sizes import ROOT, product_files

FETCHING = ("fetchone", "fetchmany", "fetchall", "rows")
OTHER_DATABASES = ("candle_files.py",)
"""Ask DuckDB about a file, not the ledger."""


def is_fetched(value: ast.expr, names: set[str]) -> bool:
    """Whether an expression is rows, or a row: a call that fetches, or a name that such a call was given."""
    if isinstance(value, ast.Name):
        return value.id in names
    if not isinstance(value, ast.Call):
        return False
    called = value.func
    if isinstance(called, ast.Name) and called.id in ("dict", "reversed", "sorted", "list"):
        return bool(value.args) and is_fetched(value.args[0], names)
    return (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")) in FETCHING


def targets_of(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield what a statement or a comprehension gives a value to, each with that value."""
    if isinstance(node, ast.Assign):
        yield from ((target, node.value) for target in node.targets)
    elif isinstance(node, ast.For | ast.comprehension):
        yield node.target, node.iter


def is_by_place(target: ast.expr, *, is_loop: bool) -> bool:
    """Whether a row is taken apart: ``for a, b in rows``, ``((a, b),) = rows``; not so ``(row,) = rows``."""
    if not isinstance(target, ast.Tuple):
        return False
    return is_loop or any(isinstance(member, ast.Tuple) for member in target.elts)


def rows_by_place(tree: ast.AST) -> Iterator[int]:
    """Yield the line of each row that is taken apart or indexed by number, and of rows that become a dict."""
    names: set[str] = set()
    for node in ast.walk(tree):
        for target, value in targets_of(node):
            if is_fetched(value, names):
                names |= {name.id for name in ast.walk(target) if isinstance(name, ast.Name)}
                if is_by_place(target, is_loop=not isinstance(node, ast.Assign)):
                    yield target.lineno
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "dict" and is_fetched(node, names):
            yield node.lineno
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and is_fetched(node.value, names) and is_number(node.slice):
            yield node.lineno


def is_number(index: ast.expr) -> bool:
    """Whether something is indexed by a number that is written there."""
    return isinstance(index, ast.Constant) and isinstance(index.value, int)


def test_no_row_is_taken_apart_by_the_place_of_its_columns() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in product_files()
        if path.name not in OTHER_DATABASES
        for function in functions_of(path)
        for line in rows_by_place(function)
    ]
    assert not found


def functions_of(path: Path) -> Iterator[ast.AST]:
    """Yield the functions of a file: a name means something else in the next one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ("((moment,),) = connection.execute(query).fetchall()", True),
        ("row = cursor.fetchone()\nreturn_ = row[0]", True),
        ("names = {row[0] for row in cursor.fetchall()}", True),
        ("for name, _ in reversed(cursor.fetchall()): print(name)", True),
        ("found = cursor.fetchall()\nnames = [name for (name,) in found]", True),
        ("counts = dict(ledger.rows(query))", True),
        ("(row,) = ledger.rows(query)\nprint(row.orders)", False),
        ("rows = cursor.fetchall()\nprint({row['name']: row['orders'] for row in rows})", False),
    ],
)
def test_a_row_that_is_read_by_place_is_found(code: str, is_found: bool) -> None:
    assert bool(list(rows_by_place(ast.parse(code)))) == is_found
