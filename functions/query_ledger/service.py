"""The use case of ``query_ledger``: one SQL statement of the operator's, read only."""

from __future__ import annotations

from dataclasses import dataclass

from linkage.domain.errors import InvalidInputError
from linkage.ports.queries import LedgerQueries, QueryResult


@dataclass(frozen=True, slots=True)
class QueryOutcome:
    """What became of a statement: a result, or what is wrong with it."""

    result: QueryResult | None
    error: str = ""


def run(statement: str, queries: LedgerQueries) -> QueryOutcome:
    """Run a statement. An error in it is an answer.

    Raises:
        LedgerUnavailableError: the ledger could not be reached.
    """
    try:
        return QueryOutcome(queries.run(statement))
    except InvalidInputError as error:
        return QueryOutcome(None, str(error))
