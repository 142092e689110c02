"""What matched books are as rows, and how these replace the rows that stood there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.lots.json_rows import json_rows
from linkage.adapters.postgres.lots.matching import BookPlan, BookTerms
from linkage.adapters.postgres.statements import statement
from linkage.domain.lots import Episode

_DELETE_AFTER_BOUNDARIES = statement(__file__, "delete_after_boundaries")
_INSERTS = {
    "fifo_allocations": statement(__file__, "insert_fifo_allocations"),
    "episodes": statement(__file__, "insert_episodes"),
    "fifo_open_lots": statement(__file__, "insert_fifo_open_lots"),
    "fifo_unmatched_exits": statement(__file__, "insert_fifo_unmatched_exits"),
    "lot_books": statement(__file__, "insert_lot_books"),
}

Row = dict[str, Any]


def rows_of(plans: Iterable[BookPlan]) -> dict[str, list[Row]]:
    """Return the rows of each table that the matched plans make."""
    made: dict[str, list[Row]] = {table: [] for table in _INSERTS}
    for plan in plans:
        terms, matched = plan.terms, plan.matched
        if terms is None:
            continue
        common = {"book": plan.book, "symbol": terms.symbol, "quote_currency": terms.quote_currency or "?"}
        made["fifo_allocations"] += [common | allocation._asdict() for allocation in matched.allocations]
        made["episodes"] += [common | _episode_row(episode) for episode in matched.episodes]
        made["fifo_open_lots"] += [
            common | {"place": place} | lot._asdict() for place, lot in enumerate(matched.state.lots)
        ]
        made["fifo_unmatched_exits"] += [common | exit_._asdict() for exit_ in matched.unmatched]
        if plan.executions:
            made["lot_books"].append(_book_row(plan, terms) | common)
    return made


def _episode_row(episode: Episode) -> Row:
    row = {name: getattr(episode, name) for name in Episode.__slots__}
    if not episode.is_priced:
        row |= {"gross_pnl": None, "net_pnl": None, "average_net_pnl": None}
    return row


def _book_row(plan: BookPlan, terms: BookTerms) -> Row:
    last = max(
        plan.executions,
        key=lambda execution: (execution.executed_at, execution.order_id, execution.execution_id),
    )
    return terms._asdict() | {
        "last_executed_at": last.executed_at,
        "last_price": last.price,
        "average_cash": plan.matched.state.average_cash,
    }


def replace_rows(connection: Connection, plans: Mapping[str, BookPlan]) -> None:
    """Replace the rows after each book's boundary with those of its plan.

    Args:
        connection: in the transaction that locked the books.
    """
    planned = [
        {
            "book": plan.book,
            "boundary": plan.boundary,
            "is_emptied": not plan.executions and plan.boundary is not None,
        }
        for plan in plans.values()
    ]
    made = rows_of(plans.values())
    with connection.pipeline():
        connection.execute(_DELETE_AFTER_BOUNDARIES, {"planned": json_rows(planned)})
        for table, insert in _INSERTS.items():
            if made[table]:
                connection.execute(insert, {"rows": json_rows(made[table])})
