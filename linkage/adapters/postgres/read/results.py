"""What trades made in a window, read from the ledger's lots: results, tables, curve, open positions.

Results are those of episodes that were closed in the window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, localcontext
from itertools import accumulate
from typing import Any

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.read.episodes import DIGITS, observations, positions, split
from linkage.adapters.postgres.read.performance_mapping import (
    curve_points,
    fall,
    performance_row,
    performance_table,
)
from linkage.adapters.postgres.read.rows import Row, bounds, fetch_rows, group_by
from linkage.adapters.postgres.statements import statement
from linkage.contracts.performance import By, Money, OpenLotRow, PerformanceTable, UnmatchedExitRow
from linkage.domain.errors import InvalidInputError
from linkage.domain.facts import Window
from linkage.domain.performance import Observation, max_drawdown

MAX_EPISODES = 100_000
"""Closed episodes of one window. More of them do not fit the function that reads them; an export has them."""
MAX_TABLE_ROWS = 200
OLDEST_OPEN = 5
LATEST_UNMATCHED = 5

CLOSED_EPISODES = statement(__file__, "closed_episodes")
OPEN_EPISODES = statement(__file__, "open_episodes")
OLDEST_OPEN_LOTS = statement(__file__, "oldest_open_lots")
LOT_TOTALS = statement(__file__, "lot_totals")
LATEST_UNMATCHED_EXITS = statement(__file__, "latest_unmatched_exits")
LATE_LOTS = statement(__file__, "late_lots")

_ZERO = Decimal(0)
_NO_LOTS = {"dust_pnl": _ZERO, "residue_pnl": _ZERO, "realised_open_pnl_in_period": _ZERO}
_NO_LATE_LOTS = {"late_lots": 0, "late_pnl": _ZERO}
_LABEL: Mapping[By, str] = {"exit": "exit_kind"}
_SPLIT_TABLES: frozenset[By] = frozenset(("snapshot", "params_hash"))


def query_parameters(window: Window) -> dict[str, Any]:
    """Return the parameters that the statements of results take."""
    return {
        **bounds(window),
        "limit": MAX_EPISODES + 1,
        "oldest": OLDEST_OPEN,
        "unmatched": LATEST_UNMATCHED,
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
        parameters = query_parameters(window)
        closed = fetch_rows(connection, CLOSED_EPISODES, parameters)
        if len(closed) > MAX_EPISODES:
            raise InvalidInputError(
                f"more than {MAX_EPISODES:,} episodes were closed in that period; choose a shorter one",
                "start",
            )
        self._closed = group_by(closed, "mode")
        self._split = group_by(split(connection, closed), "mode")
        self._open = group_by(fetch_rows(connection, OPEN_EPISODES, parameters), "mode")
        self._parts = {
            name: group_by(fetch_rows(connection, query, parameters), "mode")
            for name, query in (
                ("oldest", OLDEST_OPEN_LOTS),
                ("lots", LOT_TOTALS),
                ("unmatched", LATEST_UNMATCHED_EXITS),
                ("late", LATE_LOTS),
            )
        }

    @property
    def modes(self) -> frozenset[str]:
        """Modes in which an episode was closed, an exit had no entry, or a position is open."""
        return frozenset(self._closed) | frozenset(self._open) | frozenset(self._parts["unmatched"])

    def money(self, mode: str) -> list[Money]:
        """Return the mode's results by currency, the one with the most episodes first."""
        closed, still_open = (
            group_by(rows.get(mode, []), "quote_currency") for rows in (self._closed, self._open)
        )
        parts = {name: group_by(rows.get(mode, []), "currency") for name, rows in self._parts.items()}
        currencies = closed.keys() | still_open.keys() | parts["unmatched"].keys() | parts["lots"].keys()
        results = [
            self._money(
                currency,
                closed.get(currency, []),
                still_open.get(currency, []),
                {name: rows.get(currency, []) for name, rows in parts.items()},
            )
            for currency in currencies
        ]
        return sorted(results, key=lambda result: (-result.total.n, -result.open_lots, result.currency))

    def tables(self, mode: str, by: Sequence[By]) -> list[PerformanceTable]:
        """Return the mode's episodes by one thing each."""
        from linkage.inference.summary import fold, summarise

        held, still_open = self._open.get(mode, []), positions(self._open.get(mode, []))
        whole, parts = (rows.get(mode, []) for rows in (self._closed, self._split))
        labels = {str(row["snapshot_id"]): row["label"] for row in (*parts, *held)}
        tables = []
        for table in by:
            episodes = observations(parts if table in _SPLIT_TABLES else whole)
            label = _LABEL.get(table, table)
            rows = summarise(episodes, by=(label,), at=self.at, open_positions=still_open)
            tables.append(
                performance_table(
                    table,
                    rows,
                    fold(rows)[1],
                    names=labels if table == "snapshot" else {},
                    limit=MAX_TABLE_ROWS,
                )
            )
        return tables

    def rows(self, mode: str) -> tuple[Sequence[Row], Sequence[Row]]:
        """Return the mode's rows as they were read: episodes that closed, and what is open."""
        return self._closed.get(mode, []), self._open.get(mode, [])

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
        unmatched = parts["unmatched"]
        amounts = {
            **(parts["lots"][0] if parts["lots"] else _NO_LOTS),
            **(parts["late"][0] if parts["late"] else _NO_LATE_LOTS),
        }
        for name in ("mode", "currency"):
            amounts.pop(name, None)
        return Money(
            currency=currency,
            total=performance_row(rows[0] if rows else None, currency=currency),
            realised_open_pnl=_total(row["realised_pnl"] for row in still_open),
            open_lots=sum(row["lots"] for row in still_open),
            oldest=[OpenLotRow.model_validate(row) for row in parts["oldest"]],
            unmatched_exits=unmatched[0]["total"] if unmatched else 0,
            unmatched=[UnmatchedExitRow.model_validate(row) for row in unmatched],
            unpriced=sum(row["unpriced"] for row in closed),
            curve=curve_points(_curve(episodes), start=self._window.start),
            drawdown=fall(max_drawdown(episodes)),
            **amounts,
        )


def _curve(episodes: Sequence[Observation]) -> list[tuple[datetime, Decimal]]:
    """Return the cumulative net P&L after each moment at which an episode closed."""
    steps: dict[datetime, Decimal] = {}
    with localcontext(prec=DIGITS):
        for episode in episodes:
            steps[episode.closed_at] = steps.get(episode.closed_at, _ZERO) + episode.net_pnl
        moments = sorted(steps)
        return list(zip(moments, accumulate(steps[moment] for moment in moments), strict=True))


def _total(amounts: Iterable[Decimal]) -> Decimal:
    with localcontext(prec=DIGITS):
        return sum(amounts, _ZERO)
