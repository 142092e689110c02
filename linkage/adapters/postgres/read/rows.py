"""Rows of the ledger by the names of their columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, LiteralString

from psycopg.rows import dict_row

from linkage.adapters.postgres.connection import Connection
from linkage.domain.facts import Window

Row = dict[str, Any]


def fetch_rows(connection: Connection, query: LiteralString, parameters: Mapping[str, Any]) -> list[Row]:
    """Return what a statement answers, each row by the names of its columns."""
    return connection.cursor(row_factory=dict_row).execute(query, parameters).fetchall()


def group_by(rows: Iterable[Row], column: str) -> dict[str, list[Row]]:
    """Return rows by the value of a column, in their order."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[column]].append(row)
    return groups


def bounds(window: Window) -> dict[str, Any]:
    """Return a window as the parameters ``start`` and ``end``."""
    return {"start": window.start, "end": window.end}
