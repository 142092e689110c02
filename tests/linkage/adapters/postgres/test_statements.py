"""Every statement is a file that somebody runs: one statement, with a comment that says what it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from linkage.adapters.postgres.statements import statement
from tests.project.test_sizes import PRODUCT, ROOT, product_files
from tests.support.ledger import LedgerDatabase

FILES = sorted(file for folder in PRODUCT for file in (ROOT / folder).rglob("sql/*.sql"))
MOST_LINES_IN_PYTHON = 3
STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|MERGE)\s")
WITH_STATEMENTS_IN_PYTHON = ("bench", "migrations")
"""Benchmarks put statements together that no function runs; migrations have files of the schema."""
OTHER_DATABASES = ("candle_files.py",)
"""Ask DuckDB about a file, not the ledger."""


def named_statements() -> Iterator[Path]:
    """Yield the file of each call of ``statement(__file__, "…")`` in the product."""
    for module in product_files():
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "statement":
                name = node.args[1]
                assert isinstance(name, ast.Constant), f"{module}: a statement is named by a text"
                yield module.with_name("sql") / f"{name.value!s}.sql"


def test_each_file_is_run_by_a_module_beside_its_folder_and_each_module_finds_its_files() -> None:
    assert set(named_statements()) == set(FILES)


def test_a_statement_of_more_than_a_few_lines_is_a_file() -> None:
    long = [
        f"{module.relative_to(ROOT)}:{node.lineno}"
        for module in product_files()
        if module.relative_to(ROOT).parts[0] not in WITH_STATEMENTS_IN_PYTHON
        and module.name not in OTHER_DATABASES
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant | ast.JoinedStr) and is_long_statement(node)
    ]
    assert not long


def is_long_statement(node: ast.Constant | ast.JoinedStr) -> bool:
    """Whether a text, in one piece or put together, is a statement of more lines than Python should have."""
    first = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else node
    text = first.value if isinstance(first, ast.Constant) else None
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    return isinstance(text, str) and bool(STATEMENT.match(text)) and lines > MOST_LINES_IN_PYTHON


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parts[-3]}/{file.stem}")
def test_a_file_is_one_statement_after_a_comment_that_says_what_it_is(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert re.match(r"-- [A-Z]", text)
    assert ";" not in re.sub(r"--.*", "", text)
    assert not re.search(r"%(?!\(\w+\)s|%)", text), "parameters are named"


@pytest.mark.parametrize(
    "file",
    [file for file in FILES if file.relative_to(ROOT).parts[0] in ("cli", "demo", "local")],
    ids=lambda file: f"{file.parts[-3]}/{file.stem}",
)
def test_an_operator_may_ask_what_the_command_the_demonstration_and_a_backtest_ask(
    ledger_database: LedgerDatabase, file: Path
) -> None:
    """None of them has parameters: ``query_ledger`` takes a statement only."""
    with ledger_database.connect("sql_reader") as connection:
        assert connection.execute(file.read_bytes()).description


def test_a_statement_that_nobody_wrote_is_missed_when_its_module_is_imported() -> None:
    with pytest.raises(FileNotFoundError):
        statement(__file__, "nothing")


@pytest.mark.parametrize("role", ["recorder", "reader"])
def test_what_is_derived_is_planned_within_the_statement_that_asks_for_it(
    ledger_database: LedgerDatabase, role: str
) -> None:
    """A function that PostgreSQL does not take apart would be planned anew in each batch."""
    asked = "FROM (SELECT array['a', 'b'] AS ids OFFSET 0) scope CROSS JOIN LATERAL"
    with ledger_database.connect(role) as connection:
        for call in ("derive_orders(scope.ids, linked => true)", "resolve_links(scope.ids)"):
            plan = connection.execute(f"EXPLAIN SELECT * {asked} {call} d".encode()).fetchall()
            assert not [line for (line,) in plan if "Function Scan" in line], call
