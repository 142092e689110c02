"""Closed lots page by page, with everything that is known of them: the table that people analyse.

A page begins behind the last row of the one before it, so that nothing has to be kept between them. Each is
read in a transaction of its own: lots that are matched anew meanwhile may be missed or come twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import dict_row

from linkage.adapters.postgres.connection import Connection
from linkage.domain.canonical import canonical
from linkage.domain.facts import Window

PAGE_ROWS = 1_000
"""Rows of a page. With indicators and parameters they stay under the 6 MB that a function may answer."""
MAX_SETS = 500

Row = dict[str, Any]
Cursor = tuple[datetime, int]

_TOTAL: LiteralString = """
SELECT count(*) AS total FROM fifo_allocations WHERE closed_at >= %(start)s AND closed_at < %(end)s
"""

_SETS: LiteralString = """
SELECT s.parameters, example.indicator_breakdown
FROM strategy_snapshots s
LEFT JOIN LATERAL (
  SELECT indicator_breakdown FROM trade_strategy_link link WHERE link.snapshot_id = s.snapshot_id LIMIT 1
) example ON true
ORDER BY s.first_seen_at DESC, s.snapshot_id LIMIT %(sets)s
"""

# The page is cut before anything is joined, so that its cost does not follow the length of the ledger.
_PAGE: LiteralString = """
WITH page AS MATERIALIZED (
  SELECT allocation_id FROM fifo_allocations
  WHERE closed_at >= greatest(%(start)s, %(after_at)s) AND closed_at < %(end)s
    AND (closed_at, allocation_id) > (%(after_at)s, %(after_id)s)
  ORDER BY closed_at, allocation_id LIMIT %(rows)s
)
SELECT lot.allocation_id, lot.episode_id, coalesce(lot.mode, 'unknown') AS mode, lot.bot_id, lot.venue,
       lot.account, lot.symbol, lot.side, lot.kind, lot.matched_by, lot.entry_order_id, lot.exit_order_id,
       lot.opened_at, lot.closed_at, extract(epoch FROM lot.holding_time) AS holding_seconds,
       to_char(lot.opened_at AT TIME ZONE 'UTC', 'HH24')::integer AS hour, lot.quantity, lot.quantity_unit,
       lot.quote_currency, lot.entry_price, lot.exit_price, lot.entry_value, lot.exit_value, lot.fees,
       lot.gross_pnl, lot.net_pnl, lot.average_net_pnl, lot.unit_return, lot.initial_risk, lot.r_multiple,
       lot.fees_complete, lot.snapshot_id, lot.label, lot.params_hash, lot.code_version, lot.strategy,
       lot.arm, lot.propensity, lot.run_id, lot.bar_time, lot.entry_trigger, lot.entry_score,
       lot.score_bucket, lot.buy_score, lot.sell_score, lot.signalled_at, lot.signal_price, lot.stop_loss,
       lot.take_profit, extract(epoch FROM lot.entry_delay) AS entry_delay_seconds, lot.entry_slippage,
       lot.exit_kind,
       lot.exit_signalled_at, lot.exit_signal_price, extract(epoch FROM lot.exit_delay) AS exit_delay_seconds,
       lot.exit_slippage, lot.exit_snapshot_id, lot.mixed, link.indicators_fired, link.indicator_breakdown
FROM page JOIN closed_lots lot USING (allocation_id)
LEFT JOIN trade_strategy_link link ON link.order_id = lot.entry_order_id
ORDER BY lot.closed_at, lot.allocation_id
"""

_PARAMETERS: LiteralString = """
SELECT snapshot_id, parameters FROM strategy_snapshots WHERE snapshot_id = ANY (%(ids)s)
"""


def columns(connection: Connection, window: Window) -> dict[str, Any]:
    """Return how many lots there are, and which parameters and indicators sets have.

    Returns:
        ``total``; ``parameters`` and ``indicators``: dotted path to ``number`` or ``text``.
    """
    (row,) = _rows(connection, _TOTAL, {"start": window.start, "end": window.end})
    sets = _rows(connection, _SETS, {"sets": MAX_SETS})
    return {
        "total": row["total"],
        "parameters": _kinds(each["parameters"] for each in sets),
        "indicators": _kinds(each["indicator_breakdown"] for each in sets),
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
    lots = _rows(
        connection,
        _PAGE,
        {"start": window.start, "end": window.end, "after_at": at, "after_id": allocation_id,
         "rows": PAGE_ROWS},
    )  # fmt: skip
    ids = list({lot["snapshot_id"] for lot in lots if lot["snapshot_id"] is not None})
    described = _rows(connection, _PARAMETERS, {"ids": ids})
    last = lots[-1] if len(lots) == PAGE_ROWS else None
    return {
        "lots": lots,
        "parameters": {str(each["snapshot_id"]): each["parameters"] for each in described},
        "after": None if last is None else [last["closed_at"], last["allocation_id"]],
    }


def flatten(document: object, path: str = "") -> dict[str, object]:
    """Return the leaves of a JSON document by their dotted path; lists are leaves."""
    if not isinstance(document, Mapping):
        return {path: document} if path else {}
    found: dict[str, object] = {}
    for name, value in document.items():
        found.update(flatten(value, f"{path}.{name}" if path else str(name)))
    return found


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


def _rows(connection: Connection, query: LiteralString, parameters: Mapping[str, Any]) -> list[Row]:
    return connection.cursor(row_factory=dict_row).execute(query, parameters).fetchall()
