"""Closed lots page by page, with everything that is known of them: the table that people analyse.

A page begins behind the last row of the one before it, so that nothing has to be kept between them. Each is
read in a transaction of its own: lots that are matched anew meanwhile may be missed or come twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, LiteralString

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.read.rows import bounds, fetch_rows
from linkage.adapters.postgres.statements import statement
from linkage.domain.canonical import canonical
from linkage.domain.facts import Window

PAGE_ROWS = 1_000
"""Rows of a page. With indicators and parameters they stay under the 6 MB that a function may answer."""
MAX_SETS = 500

Cursor = tuple[datetime, int]

_TOTAL: LiteralString = (
    "SELECT count(*) AS total FROM fifo_allocations WHERE closed_at >= %(start)s AND closed_at < %(end)s"
)
_EXAMPLES = statement(__file__, "export_examples")
_PAGE = statement(__file__, "export_page")
_PARAMETERS: LiteralString = (
    "SELECT snapshot_id, parameters FROM strategy_snapshots WHERE snapshot_id = ANY (%(ids)s)"
)


def columns(connection: Connection, window: Window) -> dict[str, Any]:
    """Return how many lots there are, and which parameters and indicators sets have.

    Returns:
        ``total``; ``parameters`` and ``indicators``: dotted path to ``number`` or ``text``.
    """
    (row,) = fetch_rows(connection, _TOTAL, bounds(window))
    examples = fetch_rows(connection, _EXAMPLES, {"sets": MAX_SETS})
    return {
        "total": row["total"],
        "parameters": _kinds(example["parameters"] for example in examples),
        "indicators": _kinds(example["indicator_breakdown"] for example in examples),
    }


def page(connection: Connection, window: Window, after: Cursor | None) -> dict[str, Any]:
    """Return the next lots that were closed in a window.

    Args:
        after: where the page before ended; None for the first.

    Returns:
        ``lots``; ``parameters``: by snapshot id, of the sets in ``lots``; ``after``: where the next page
        begins, None when this is the last one.
    """
    at, allocation_id = after or (window.start, 0)
    behind = {"after_at": at, "after_id": allocation_id, "rows": PAGE_ROWS}
    lots = fetch_rows(connection, _PAGE, {**bounds(window), **behind})
    ids = list({lot["snapshot_id"] for lot in lots if lot["snapshot_id"] is not None})
    described = fetch_rows(connection, _PARAMETERS, {"ids": ids})
    last = lots[-1] if len(lots) == PAGE_ROWS else None
    return {
        "lots": lots,
        "parameters": {str(row["snapshot_id"]): row["parameters"] for row in described},
        "after": None if last is None else [last["closed_at"], last["allocation_id"]],
    }


def flatten(document: object, path: str = "") -> dict[str, object]:
    """Return the leaves of a JSON document by their dotted path; lists are leaves."""
    if not isinstance(document, Mapping):
        return {path: document} if path else {}
    leaves: dict[str, object] = {}
    for name, value in document.items():
        leaves.update(flatten(value, f"{path}.{name}" if path else str(name)))
    return leaves


def _kinds(documents: Iterable[object]) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for document in documents:
        for path, value in flatten(canonical(document)).items():
            if value is not None and kinds.get(path) != "text":
                kinds[path] = "number" if _is_number(value) else "text"
    return dict(sorted(kinds.items()))


def _is_number(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return True
