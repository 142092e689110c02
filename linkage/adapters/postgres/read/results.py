"""What trades made in a window, read from the ledger's lots: results, tables, curve, open positions.

Results are those of episodes that were closed in the window. The statistics need numpy, which takes longer
to import than all the rest; it is imported only where results are asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, localcontext
from itertools import accumulate
from typing import Any, LiteralString

from psycopg.rows import dict_row

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.read.performance_mapping import (
    curve_points,
    fall,
    performance_row,
    performance_table,
)
from linkage.contracts.performance import (
    By,
    Change,
    Money,
    OpenLotRow,
    PerformanceTable,
    UnmatchedExitRow,
)
from linkage.domain.changes import changes_between
from linkage.domain.errors import InvalidInputError
from linkage.domain.facts import Window
from linkage.domain.performance import Observation, OpenPosition, max_drawdown

MAX_EPISODES = 100_000
"""Closed episodes of one window. More of them do not fit the function that reads them; an export has them."""
MAX_TABLE_ROWS = 200
OLDEST_OPEN = 5
LATEST_UNMATCHED = 5
MAX_CHANGES = 20
UNKNOWN = "unknown"

Row = dict[str, Any]

_ZERO = Decimal(0)
# Sums of amounts with up to 38 digits must not lose the last one.
_DIGITS = 80

RESULT_COLUMNS: LiteralString = """
SELECT e.episode_id, e.bot_id, coalesce(e.mode, 'unknown') AS mode, e.symbol, e.side, e.opened_at,
       e.closed_at, e.quote_currency, e.entry_value, e.net_pnl, e.initial_risk, e.bar_time, e.propensity,
       e.entry_delay, e.fees_complete, e.mixed, e.snapshot_id, e.label, e.params_hash, e.strategy, e.arm,
       e.entry_trigger, e.entry_score, e.exit_kind,
       e.missing && ARRAY['price', 'contract_size'] AS unpriced,
       round(CASE e.side WHEN 'long' THEN 1 ELSE -1 END * (first.average_price - e.signal_price)
             / nullif(e.signal_price, 0), 18) AS slippage
"""

_CLOSED: LiteralString = "".join(
    [
        RESULT_COLUMNS,
        """
FROM episode_results e LEFT JOIN trade_records first ON first.order_id = e.entry_order_id
WHERE e.closed_at >= %(start)s AND e.closed_at < %(end)s AND e.mode IS DISTINCT FROM 'test'
ORDER BY e.closed_at, e.episode_id LIMIT %(limit)s
""",
    ]
)

# What a position banked already belongs to what it would come to. What somebody holds by hand is not open
# business of a bot.
_OPEN: LiteralString = "".join(
    [
        """
WITH lots AS MATERIALIZED (
  SELECT episode_id, CASE WHEN bool_and(open_pnl IS NOT NULL) THEN sum(open_pnl) END AS pnl, count(*) AS lots
  FROM open_lots GROUP BY episode_id
)
""",
        RESULT_COLUMNS,
        """, lots.lots, coalesce(e.net_pnl, 0) AS banked, lots.pnl + e.net_pnl AS open_pnl
FROM lots JOIN episode_results e USING (episode_id)
LEFT JOIN trade_records first ON first.order_id = e.entry_order_id
WHERE e.closed_at IS NULL AND e.bot_id <> 'external' AND e.mode IS DISTINCT FROM 'test'
ORDER BY e.opened_at, e.episode_id
""",
    ]
)

# By the set that was in force at the exit: what an episode made after that set had come into force.
_SPLITS: LiteralString = """
SELECT episode_id, snapshot_id, label, params_hash, min(split_at) AS opened_at,
       sum(value_at_split) AS entry_value, sum(pnl_after) AS net_pnl
FROM split_lots WHERE episode_id = ANY (%(ids)s)
GROUP BY 1, 2, 3, 4 ORDER BY 1, 5, 2
"""

_OLDEST: LiteralString = """
SELECT * FROM (
  SELECT coalesce(mode, 'unknown') AS mode, entry_order_id, symbol, side, bot_id, snapshot_id, label, arm,
         opened_at, quantity, quote_currency AS currency, entry_price, entry_value, mark_price,
         CASE WHEN mark_price IS NOT NULL THEN marked_at END AS marked_at,
         CASE WHEN mark_price IS NOT NULL THEN mark_source END AS mark_source, open_pnl,
         row_number() OVER (PARTITION BY mode, quote_currency ORDER BY opened_at, entry_order_id) AS place
  FROM open_lots WHERE bot_id <> 'external' AND mode IS DISTINCT FROM 'test'
) ranked WHERE place <= %(oldest)s ORDER BY mode, currency, place
"""

_LOTS: LiteralString = """
SELECT coalesce(bot.mode, 'unknown') AS mode, a.quote_currency AS currency,
       count(*) FILTER (WHERE a.kind = 'dust') AS dust_lots,
       coalesce(sum(a.net_pnl) FILTER (WHERE a.kind = 'dust'), 0) AS dust_pnl,
       coalesce(sum(a.net_pnl) FILTER (WHERE a.episode_id IS NULL), 0) AS residue_pnl,
       coalesce(sum(a.net_pnl) FILTER (WHERE e.episode_id IS NOT NULL AND e.closed_at IS NULL
                                         AND b.owner <> 'external'), 0) AS realised_open_pnl_in_period,
       count(*) FILTER (WHERE EXISTS (SELECT FROM unnest(a.missing) m WHERE starts_with(m, 'fee')))
         AS fees_incomplete
FROM fifo_allocations a
JOIN lot_books b USING (book)
LEFT JOIN lot_owners bot ON bot.owner = b.owner
LEFT JOIN episodes e ON e.episode_id = a.episode_id
WHERE a.closed_at >= %(start)s AND a.closed_at < %(end)s AND bot.mode IS DISTINCT FROM 'test'
GROUP BY 1, 2
"""

_UNMATCHED: LiteralString = """
SELECT * FROM (
  SELECT coalesce(mode, 'unknown') AS mode, order_id, symbol, side, bot_id, executed_at, quantity,
         quote_currency AS currency, value, count(*) OVER (PARTITION BY mode, quote_currency) AS total,
         row_number() OVER (PARTITION BY mode, quote_currency ORDER BY executed_at DESC, order_id) AS place
  FROM unmatched_exits
  WHERE executed_at >= %(start)s AND executed_at < %(end)s AND mode IS DISTINCT FROM 'test'
) ranked WHERE place <= %(unmatched)s ORDER BY mode, currency, place
"""

_LATE: LiteralString = """
WITH late AS MATERIALIZED (
  SELECT array_agg(order_id) AS ids FROM order_dispositions
  WHERE executed AND first_recorded_at >= %(start)s AND first_recorded_at < %(end)s
    AND order_time < %(start)s AND disposition <> 'before_linkage' AND mode IS DISTINCT FROM 'test'
), touched AS (
  SELECT allocation_id FROM fifo_allocations WHERE entry_order_id = ANY ((SELECT ids FROM late)::text[])
  UNION
  SELECT allocation_id FROM fifo_allocations WHERE exit_order_id = ANY ((SELECT ids FROM late)::text[])
)
SELECT coalesce(bot.mode, 'unknown') AS mode, a.quote_currency AS currency, count(*) AS late_lots,
       coalesce(sum(a.net_pnl), 0) AS late_pnl
FROM touched JOIN fifo_allocations a USING (allocation_id)
JOIN lot_books b USING (book)
LEFT JOIN lot_owners bot ON bot.owner = b.owner
WHERE a.closed_at < %(start)s
GROUP BY 1, 2
"""

_CHANGES: LiteralString = """
SELECT a.activated_at AS at, a.strategy, a.arm, a.snapshot_id, one.label, one.parameters,
       other.snapshot_id AS before, other.label AS before_label, other.parameters AS before_parameters
FROM strategy_activations a
JOIN strategy_snapshots one USING (snapshot_id)
LEFT JOIN LATERAL (
  SELECT s.snapshot_id, s.label, s.parameters
  FROM strategy_activations earlier JOIN strategy_snapshots s USING (snapshot_id)
  WHERE earlier.strategy = a.strategy AND earlier.arm = a.arm AND earlier.activated_at < a.activated_at
  ORDER BY earlier.activated_at DESC LIMIT 1
) other ON true
WHERE a.activated_at >= %(start)s AND a.activated_at < %(end)s
ORDER BY a.activated_at DESC, a.strategy, a.arm LIMIT %(changes)s
"""

_LIMITS: Mapping[str, int] = {
    "limit": MAX_EPISODES + 1,
    "oldest": OLDEST_OPEN,
    "unmatched": LATEST_UNMATCHED,
    "changes": MAX_CHANGES,
}


class Results:
    """The results of a window, by mode.

    Args:
        connection: in the transaction of the report.
        window: of the report.
        at: moment of the marks, aware UTC.

    Raises:
        InvalidInputError: more than ``MAX_EPISODES`` episodes were closed in the window.
    """

    def __init__(self, connection: Connection, window: Window, *, at: datetime) -> None:
        self._window, self.at = window, at
        closed = self._read(connection, _CLOSED)
        if len(closed) > MAX_EPISODES:
            raise InvalidInputError(
                f"more than {MAX_EPISODES:,} episodes were closed in that period; choose a shorter one",
                "start",
            )
        self._closed = _by_mode(closed)
        self._split = _by_mode(split(connection, closed))
        self._open = _by_mode(self._read(connection, _OPEN))
        self._parts = {
            name: _by_mode(self._read(connection, query))
            for name, query in (
                ("oldest", _OLDEST), ("lots", _LOTS), ("unmatched", _UNMATCHED), ("late", _LATE),
            )
        }  # fmt: skip

    @property
    def modes(self) -> frozenset[str]:
        """Modes in which an episode was closed, an exit had no entry, or a position is open."""
        return frozenset(self._closed) | frozenset(self._open) | frozenset(self._parts["unmatched"])

    def money(self, mode: str) -> list[Money]:
        """Return the mode's results by currency, the one with the most episodes first."""
        closed, still_open = (
            _by(rows.get(mode, []), "quote_currency") for rows in (self._closed, self._open)
        )
        parts = {name: _by(rows.get(mode, []), "currency") for name, rows in self._parts.items()}
        currencies = closed.keys() | still_open.keys() | parts["unmatched"].keys() | parts["lots"].keys()
        found = [
            self._money(
                currency,
                closed.get(currency, []),
                still_open.get(currency, []),
                {name: rows.get(currency, []) for name, rows in parts.items()},
            )
            for currency in currencies
        ]
        return sorted(found, key=lambda each: (-each.total.n, -each.open_lots, each.currency))

    def tables(self, mode: str, by: Sequence[By]) -> list[PerformanceTable]:
        """Return the mode's episodes by one thing each."""
        from linkage.inference.summary import fold, summarise

        held, still_open = self._open.get(mode, []), positions(self._open.get(mode, []))
        whole, parts = (rows.get(mode, []) for rows in (self._closed, self._split))
        labels = {str(row["snapshot_id"]): row["label"] for row in (*parts, *held)}
        tables = []
        for each in by:
            episodes = observations(parts if each in _SPLIT_TABLES else whole)
            rows = summarise(episodes, by=(_LABEL.get(each, each),), at=self.at, open_positions=still_open)
            tables.append(
                performance_table(
                    each,
                    rows,
                    fold(rows)[1],
                    names=labels if each == "snapshot" else {},
                    limit=MAX_TABLE_ROWS,
                )
            )
        return tables

    def rows(self, mode: str) -> tuple[Sequence[Row], Sequence[Row]]:
        """Return the mode's rows as they were read: episodes that closed, and what is open."""
        return self._closed.get(mode, []), self._open.get(mode, [])

    def _read(self, connection: Connection, query: LiteralString) -> list[Row]:
        parameters = {"start": self._window.start, "end": self._window.end, **_LIMITS}
        return connection.cursor(row_factory=dict_row).execute(query, parameters).fetchall()

    def _money(
        self,
        currency: str,
        closed: Sequence[Row],
        still_open: Sequence[Row],
        parts: Mapping[str, Sequence[Row]],
    ) -> Money:
        from linkage.inference.summary import summarise

        episodes = observations(closed)
        # One label, so that there is a row even if nothing is closed and nothing open.
        rows = summarise(episodes, by=(), at=self.at, open_positions=positions(still_open))
        lots = dict(parts["lots"][0]) if parts["lots"] else {"dust_pnl": _ZERO, "residue_pnl": _ZERO}
        lots.setdefault("realised_open_pnl_in_period", _ZERO)
        late = parts["late"][0] if parts["late"] else {"late_lots": 0, "late_pnl": _ZERO}
        amounts = {**lots, **late}
        for name in ("mode", "currency"):
            amounts.pop(name, None)
        return Money(
            currency=currency,
            total=performance_row(rows[0] if rows else None, currency=currency),
            realised_open_pnl=_total(row["banked"] for row in still_open),
            open_lots=sum(row["lots"] for row in still_open),
            oldest=[OpenLotRow.model_validate(row) for row in parts["oldest"]],
            unmatched_exits=parts["unmatched"][0]["total"] if parts["unmatched"] else 0,
            unmatched=[UnmatchedExitRow.model_validate(row) for row in parts["unmatched"]],
            unpriced=sum(row["unpriced"] for row in closed),
            curve=curve_points(_curve(episodes), start=self._window.start),
            drawdown=fall(max_drawdown(episodes)),
            **amounts,
        )


def changes(connection: Connection, window: Window) -> list[Change]:
    """Return the parameter sets that came into force in a window, latest first, and what was new in them."""
    parameters = {"start": window.start, "end": window.end, **_LIMITS}
    rows = connection.cursor(row_factory=dict_row).execute(_CHANGES, parameters).fetchall()
    found = []
    for row in rows:
        after, before = row.pop("parameters"), row.pop("before_parameters")
        described = after is not None and before is not None
        words = [change.words for change in changes_between(before, after)] if described else None
        found.append(Change.model_validate({**row, "changes": words}))
    return found


_LABEL: Mapping[By, str] = {"exit": "exit_kind"}


_SPLIT_TABLES: frozenset[By] = frozenset(("snapshot", "params_hash"))
# A later set did not enter, so it has no risk, no slippage and no delay of its own.
_OF_THE_ENTRY = ("initial_risk", "slippage", "entry_delay")


def split(connection: Connection, rows: Sequence[Row]) -> list[Row]:
    """Return rows with ``RESULT_COLUMNS``, with what was left under a later parameter set cut in two.

    The P&L up to the later set's activation, at the mark of that moment, stays with the set of the entry; the
    rest is a row of the later set. Together they are what the episode made.
    """
    mixed = {row["episode_id"] for row in rows if row["mixed"]}
    if not mixed:
        return list(rows)
    cursor = connection.cursor(row_factory=dict_row)
    later = _by(cursor.execute(_SPLITS, {"ids": list(mixed)}).fetchall(), "episode_id")
    found: list[Row] = []
    with localcontext(prec=_DIGITS):
        for row in rows:
            parts = later.get(row["episode_id"], [])
            if row["unpriced"] or not parts:
                found.append(row)
                continue
            rest = sum((part["net_pnl"] for part in parts), _ZERO)
            found.append({**row, "net_pnl": row["net_pnl"] - rest})
            found += [
                {**row, **dict.fromkeys(_OF_THE_ENTRY), **part, "episode_id": f"{row['episode_id']}/{number}"}
                for number, part in enumerate(parts)
            ]
    return found


def observations(rows: Iterable[Row]) -> list[Observation]:
    """Return rows with ``RESULT_COLUMNS`` as episodes; those without a result are left out."""
    from linkage.inference.rows import observation

    return [observation(row) for row in rows if not row["unpriced"]]


def positions(rows: Iterable[Row]) -> list[OpenPosition]:
    """Return rows of what is open as positions, with a mark where everything in them has a price."""
    from linkage.inference.rows import open_position

    return [
        replace(open_position(row), pnl_at_mark=None) if row["unpriced"] else open_position(row)
        for row in rows
    ]


def _curve(episodes: Sequence[Observation]) -> list[tuple[datetime, Decimal]]:
    """Return the cumulative net P&L after each moment at which an episode closed."""
    steps: dict[datetime, Decimal] = {}
    with localcontext(prec=_DIGITS):
        for episode in episodes:
            steps[episode.closed_at] = steps.get(episode.closed_at, _ZERO) + episode.net_pnl
        moments = sorted(steps)
        return list(zip(moments, accumulate(steps[moment] for moment in moments), strict=True))


def _total(amounts: Iterable[Decimal]) -> Decimal:
    with localcontext(prec=_DIGITS):
        return sum(amounts, _ZERO)


def _by_mode(rows: Iterable[Row]) -> dict[str, list[Row]]:
    return _by(rows, "mode")


def _by(rows: Iterable[Row], column: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[column]].append(row)
    return found
