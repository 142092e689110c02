"""The repository uses the field's words; names, docstrings, help, SQL and docs hold no private ones."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("linkage", "strategies", "functions", "infra", "local", "cli", "bench", "demo", "migrations")

# Parts of identifiers: modules, classes, functions, arguments, variables; in SQL tables, columns and CTEs.
PRIVATE_NAMES = {
    "aside": "quarantine, quarantined",
    "barred": "rejected, conflict",
    "collaborators": "dependencies",
    "cure": "remedy",
    "elder": "ancestor",
    "family": "related orders",
    "forget": "reset, invalidate",
    "heard": "receipts_agg",
    "kin": "related orders",
    "room": "limits",
    "said": "events_agg",
    "silences": "missing activity",
    "tell": "report, emit, log",
    "tells": "report, emit, log",
    "told": "reply, rows, log_fields, facts_version, reported_at",
    "upkeep": "maintenance",
    "words": "format, formatting",
    "worries": "warnings",
}

# Exact phrases, in docstrings, comments, texts for users and documents.
PRIVATE_PHRASES = (
    "Banked, still open",
    "Begin of the period",
    "Came in late",
    "Of rows that do not say",
    "Set against set",
    "What it speaks",
    "a market that tells volumes",
    "by lot",
    "by turns",
    "collaborator",
    "comes again",
    "gave up",
    "has to come again",
    "kept aside",
    "lambda_ledger",
    "no registered bot",
    "operator_requests",
    "performance_wire",
    "put aside",
    "puts aside",
    "the door",
    "too few to say",
    "told",
    "upkeep",
    "wakes somebody up",
    "work out",
    "worked out",
    "works out",
)

_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_TYPES = "text|bigint|timestamptz|numeric|integer|boolean|jsonb|uuid"
_SQL_NAMES = re.compile(rf"\b([a-z_]+) (?:AS (?:NOT )?(?:MATERIALIZED )?\(|(?:{_TYPES})\b)|\bAS ([a-z_]+)\b")


def tracked(*suffixes: str) -> list[Path]:
    """Return the files of the repository, outside of tests, with one of these endings."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    paths = [ROOT / name for name in listed if name.endswith(suffixes) and not name.startswith("tests/")]
    return [path for path in paths if path.exists()]


def names(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the names that a file gives: in Python what it defines and assigns, in SQL what it names."""
    yield 1, path.stem
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".sql":
        for number, line in enumerate(text.splitlines(), 1):
            for match in _SQL_NAMES.finditer(line.partition("--")[0]):
                yield number, match[1] or match[2]
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def test_no_name_is_a_private_word() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name} (say {PRIVATE_NAMES[part]})"
        for path in tracked(".py", ".sql")
        for line, name in names(path)
        for part in {piece.lower() for piece in _PARTS.findall(name)} & PRIVATE_NAMES.keys()
    ]
    assert not found, "\n" + "\n".join(sorted(found))


def test_no_text_has_a_private_phrase() -> None:
    pattern = re.compile(r"\b(" + "|".join(map(re.escape, PRIVATE_PHRASES)) + r")\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[1]}"
        for path in tracked(".py", ".sql", ".md", ".j2", ".toml", ".yaml", ".yml")
        if path.name != "CHANGELOG.md" or path.parent != ROOT
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in [pattern.search(line)]
        if match
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("folder", PRODUCT)
def test_the_words_are_looked_for_in_every_room_of_the_product(folder: str) -> None:
    assert any(path.is_relative_to(ROOT / folder) for path in tracked(".py"))
