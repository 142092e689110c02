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

# Parts of identifiers: modules, classes, functions, arguments, variables; in SQL every identifier.
PRIVATE_NAMES = {
    "aside": "quarantine, quarantined",
    "barred": "rejected, conflict",
    "collaborator": "dependency",
    "collaborators": "dependencies",
    "cure": "remedy",
    "cures": "remedies",
    "elder": "ancestor",
    "family": "related orders",
    "forget": "reset, invalidate",
    "heard": "receipts_agg",
    "kin": "related orders",
    "mend": "fix",
    "mended": "fixed",
    "room": "limits",
    "said": "events_agg",
    "silences": "missing activity",
    "tell": "report, emit, log",
    "tells": "report, emit, log",
    "told": "reply, rows, log_fields, facts_version, reported_at",
    "upkeep": "maintenance",
    "words": "format, formatting",
    "worries": "warnings",
    "worry": "warning",
}

# Parts of the names of classes alone: a variable may well have what was kept.
PRIVATE_CLASSES = {
    "kept": "quarantined, stored, saved",
}

# Keyword arguments whose names are a library's: a parameter group of RDS has a family.
OF_LIBRARIES = {"family"}

# Exact phrases, whatever lines they are broken into, in docstrings, comments, texts for users and documents.
PRIVATE_PHRASES = (
    "Banked, still open",
    "Begin of the period",
    "Came in late",
    "Of rows that do not say",
    "Set against set",
    "Trials kept",
    "What it speaks",
    "a market that tells volumes",
    "by lot",
    "by turns",
    "collaborator",
    "comes again",
    "gave up",
    "has to come again",
    "is away",
    "keep_trials",
    "kept aside",
    "lambda_ledger",
    "mend it",
    "mended",
    "no registered bot",
    "operator_requests",
    "or away",
    "performance_wire",
    "put aside",
    "puts aside",
    "tells",
    "the door",
    "too few to say",
    "told",
    "upkeep",
    "wakes somebody up",
    "was away",
    "work out",
    "worked out",
    "works out",
)

_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SQL_COMMENT_OR_TEXT = re.compile(r"--[^\n]*|'(?:[^']|'')*'")
_SQL_NAME = re.compile(r"\b[a-z_][a-z_0-9]*\b")
# Between two words of a phrase: a new line of prose, of a comment or of a text in code, or emphasis.
_BETWEEN = r"""(?:\s|["'#*│]|--)+"""
_PHRASES = re.compile(
    r"\b(?:" + "|".join(_BETWEEN.join(map(re.escape, phrase.split())) for phrase in PRIVATE_PHRASES) + r")\b"
)


def tracked(*suffixes: str) -> list[Path]:
    """Return the files of the repository, outside of tests, with one of these endings."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    paths = [ROOT / name for name in listed if name.endswith(suffixes) and not name.startswith("tests/")]
    return [path for path in paths if path.exists()]


def names(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the names of a file: in Python what it defines, assigns and passes, in SQL every identifier."""
    yield 1, path.stem
    text = path.read_text(encoding="utf-8")
    yield from sql_names(text) if path.suffix == ".sql" else python_names(text)


def sql_names(text: str) -> Iterator[tuple[int, str]]:
    """Yield identifiers: any may be a column or an alias, with AS or without. Comments and texts are none."""
    code = _SQL_COMMENT_OR_TEXT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for number, line in enumerate(code.splitlines(), 1):
        for match in _SQL_NAME.finditer(line):
            yield number, match[0]


def python_names(text: str) -> Iterator[tuple[int, str]]:
    """Yield the names that a module defines, assigns, imports as or catches as, and its keyword arguments."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case ast.keyword(arg=str(name)) if name not in OF_LIBRARIES:
                yield node.lineno, name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.alias(asname=str(name)) | ast.ExceptHandler(name=str(name)):
                yield node.lineno, name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield node.lineno, name


def class_names(text: str) -> Iterator[tuple[int, str]]:
    """Yield the names of a module's classes."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            yield node.lineno, node.name


def parts(name: str) -> set[str]:
    return {piece.lower() for piece in _PARTS.findall(name)}


def phrases(text: str) -> Iterator[tuple[int, str]]:
    """Yield the private phrases of a text, also those that lines break."""
    for match in _PHRASES.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, " ".join(match[0].split())


def test_no_name_is_a_private_word() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name} (say {PRIVATE_NAMES[part]})"
        for path in tracked(".py", ".sql")
        for line, name in names(path)
        for part in parts(name) & PRIVATE_NAMES.keys()
    ]
    assert not found, "\n" + "\n".join(sorted(found))


def test_no_class_is_called_after_a_private_word() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name} (say {PRIVATE_CLASSES[part]})"
        for path in tracked(".py")
        for line, name in class_names(path.read_text(encoding="utf-8"))
        for part in parts(name) & PRIVATE_CLASSES.keys()
    ]
    assert not found, "\n" + "\n".join(found)


def test_no_text_has_a_private_phrase() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {phrase}"
        for path in tracked(".py", ".sql", ".md", ".j2", ".toml", ".yaml", ".yml")
        if path.name != "CHANGELOG.md" or path.parent != ROOT
        for number, phrase in phrases(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE t (told_at date);",
        "CREATE TABLE t (\n  heard smallint\n);",
        "CREATE TABLE t (kin double precision);",
        "SELECT 1 FROM (SELECT 2) heard",
        "SELECT 1 FROM orders kin JOIN fills f ON true",
        "WITH said AS MATERIALIZED (SELECT 1) SELECT 1",
        "SELECT 'a -- b' AS told",
    ],
)
def test_a_private_name_is_found_wherever_sql_gives_one(text: str) -> None:
    assert any(parts(name) & PRIVATE_NAMES.keys() for _, name in sql_names(text))


def test_comments_and_texts_of_sql_are_no_names() -> None:
    text = "SELECT 'it''s told' -- heard\nFROM orders"
    assert [name for _, name in sql_names(text)] == ["orders"]


@pytest.mark.parametrize(
    "text",
    [
        "import os as kin",
        "from os import path as told",
        "try: pass\nexcept OSError as worries: pass",
        "f(told=1)",
        "match x:\n  case [kin, *told]: pass",
        "def f(room): pass",
        "class KinOfOrder: pass",
        "self.told = 1",
    ],
)
def test_a_private_name_is_found_wherever_python_gives_one(text: str) -> None:
    assert any(parts(name) & PRIVATE_NAMES.keys() for _, name in python_names(text))


@pytest.mark.parametrize(
    "text",
    [
        "was put\naside",
        "# it gave\n    # up",
        "-- has to\n-- come again",
        'f("gave "\n  "up")',
        "kept **aside**",
    ],
)
def test_a_private_phrase_is_found_though_lines_break_it(text: str) -> None:
    assert list(phrases(text))


@pytest.mark.parametrize("folder", PRODUCT)
def test_the_words_are_looked_for_in_every_room_of_the_product(folder: str) -> None:
    assert any(path.is_relative_to(ROOT / folder) for path in tracked(".py"))
