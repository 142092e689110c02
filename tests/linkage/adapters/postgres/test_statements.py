"""Every statement is a file that somebody runs: one statement, with a comment that says what it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from linkage.adapters.postgres import connection
from linkage.adapters.postgres.statements import statement
from tests.support.ledger import LedgerDatabase

POSTGRES = Path(connection.__file__).parent
FILES = sorted(POSTGRES.rglob("*.sql"))


def named_statements() -> Iterator[Path]:
    """Yield the file of each call of ``statement(__file__, "…")`` in the modules below."""
    for module in POSTGRES.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "statement":
                name = node.args[1]
                assert isinstance(name, ast.Constant), f"{module}: a statement is named by a text"
                yield module.with_name("sql") / f"{name.value!s}.sql"


def test_each_file_is_run_by_a_module_beside_its_folder_and_each_module_finds_its_files() -> None:
    assert set(named_statements()) == set(FILES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parts[-3]}/{file.stem}")
def test_a_file_is_one_statement_after_a_comment_that_says_what_it_is(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert re.match(r"-- [A-Z]", text)
    assert ";" not in re.sub(r"--.*", "", text)
    assert not re.search(r"%(?!\(\w+\)s|%)", text), "parameters are named"


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
