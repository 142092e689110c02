"""Operators' own SQL on the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Rows of cells that JSON knows; ``truncated`` when there were more."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool


class LedgerQueries(Protocol):
    """Runs one read-only statement at a time."""

    def run(self, statement: str) -> QueryResult:
        """Return what a statement answers.

        Raises:
            InvalidInputError: the statement is at fault, or took too long.
            LedgerUnavailableError: no connection, or the server cannot serve.
        """
        ...
