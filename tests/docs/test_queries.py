"""Every query in the documentation runs as the role that ``linkage sql`` has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ledger import LedgerDatabase

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def documented_queries() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        text = page.read_text()
        for block in re.findall(r"```sql\n(.*?)```", text, re.DOTALL):
            yield page.name, block
        for command in re.findall(r"linkage sql (\"[^\"…]+\")", text):
            yield page.name, shlex.split(command)[0]


QUERIES = list(documented_queries())


def test_there_are_queries_to_run() -> None:
    assert len(QUERIES) >= 6


@pytest.mark.parametrize(
    ("page", "query"), QUERIES, ids=[f"{page}-{number}" for number, (page, _) in enumerate(QUERIES)]
)
def test_a_documented_query_runs_as_the_sql_reader(
    page: str, query: str, ledger_database: LedgerDatabase
) -> None:
    with ledger_database.connect("sql_reader") as connection:
        cursor = connection.execute(query.encode())
        assert cursor.description, page
