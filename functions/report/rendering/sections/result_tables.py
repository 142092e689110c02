"""Results by parameter set, trigger, bot or whatever else was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from functions.report.rendering import formatting
from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.naming import SnapshotName
from functions.report.rendering.section import ReportContext, Section
from linkage.contracts.performance import (
    INSUFFICIENT_DATA,
    By,
    FoldedRow,
    PerformanceRow,
    PerformanceTable,
    Range,
)
from linkage.contracts.report import ModeReport

TABLE_NAMES: dict[By, str] = {
    "snapshot": "parameter set",
    "params_hash": "parameters",
    "arm": "arm",
    "strategy": "strategy",
    "bot": "bot",
    "trigger": "trigger",
    "score": "score at entry",
    "symbol": "symbol",
    "exit": "exit reason",
    "hour": "hour of entry (UTC)",
}


@dataclass(frozen=True, slots=True)
class Limits(SectionLimits):
    """How much of one table is shown."""

    rows: int = 8
    folded: int = 4


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One row of a table of results."""

    name: SnapshotName
    standing: str
    counts: str
    open: str
    pnl: str
    loss: bool
    expectancy: str
    won: str
    factor: str


@dataclass(frozen=True, slots=True)
class ResultTable:
    """Results by one thing; ``folded`` are the rows with insufficient data, one line for each currency."""

    by: str
    rows: Sequence[ResultLine]
    folded: Sequence[str]
    more: str


@dataclass(frozen=True, slots=True)
class ModeTables:
    """The tables of one mode: those with rows, and those with insufficient data in every row."""

    mode: str
    tables: Sequence[ResultTable]
    insufficient: Sequence[ResultTable]


def build(context: ReportContext, limits: Limits) -> Sequence[ModeTables] | None:
    """Return the tables by mode, or None where there is none."""
    modes = [_mode(mode, context, limits) for mode in context.document.modes]
    return [mode for mode in modes if mode.tables or mode.insufficient] or None


def _mode(mode: ModeReport, context: ReportContext, limits: Limits) -> ModeTables:
    tables = [_table(table, context, limits) for table in mode.tables]
    return ModeTables(
        mode=context.mode_label(mode),
        tables=[table for table in tables if table.rows],
        insufficient=[table for table in tables if table.folded and not table.rows],
    )


def _table(table: PerformanceTable, context: ReportContext, limits: Limits) -> ResultTable:
    rows = [row for row in table.rows if row.standing != INSUFFICIENT_DATA]
    folded = sum(fold.rows for fold in table.folded)
    hidden = max(table.rows_total - folded, len(rows)) - limits.rows
    return ResultTable(
        by=TABLE_NAMES[table.by],
        rows=[_row(row, table.by, context) for row in rows[: limits.rows]],
        folded=[_folded(fold, others=bool(rows)) for fold in table.folded[: limits.folded]],
        more=formatting.more(hidden, "more row", file="results.csv"),
    )


def _folded(fold: FoldedRow, *, others: bool) -> str:
    still_open = ""
    if fold.n_open:
        pnl = formatting.signed(fold.open_pnl, fold.currency)
        still_open = f"; {formatting.count(fold.n_open)} open, {pnl}"
    return (
        f"{formatting.count(fold.rows)} {'more ' if others else ''}with insufficient data: "
        f"{formatting.plural(fold.n, 'episode')}, {formatting.signed(fold.net_pnl, fold.currency)}"
        f"{still_open}"
    )


def _row(row: PerformanceRow, by: By, context: ReportContext) -> ResultLine:
    part = row.open
    at_mark = formatting.signed(part.pnl_at_mark) if part.unmarked < part.n else "no price"
    mixed = f", {formatting.count(row.mixed)} mixed" if row.mixed else ""
    return ResultLine(
        name=_name(row, by, context),
        standing="" if row.standing == "enough" else row.standing,
        counts=f"n {formatting.count(row.n)}, n_eff {row.n_eff:.0f}{mixed}",
        open=f"{formatting.count(part.n)} open, {at_mark}" if part.n else "",
        pnl=formatting.signed(row.net_pnl, row.currency),
        loss=row.net_pnl < 0,
        expectancy=f"{formatting.signed(row.expectancy)} each{_amounts(row.expectancy_interval)}",
        won=f"{formatting.percent(row.win_rate)} won{_shares(row.win_rate_interval)}",
        factor=_factor(row),
    )


def _name(row: PerformanceRow, by: By, context: ReportContext) -> SnapshotName:
    if by == "snapshot":
        try:
            return context.names.of(UUID(row.group), row.name)
        except ValueError:
            pass
    if row.group == "none":
        return SnapshotName(f"no {TABLE_NAMES[by]}")
    return SnapshotName(formatting.plain(row.name or row.group))


def _factor(row: PerformanceRow) -> str:
    if row.profit_factor is not None:
        return f"profit factor {row.profit_factor:.2f}"
    return "no losses" if row.wins else ""


def _amounts(interval: Range | None) -> str:
    return f" ({formatting.signed(interval.low)} to {formatting.signed(interval.high)})" if interval else ""


def _shares(interval: Range | None) -> str:
    return f" ({interval.low * 100:.0f} to {formatting.percent(interval.high)})" if interval else ""


SECTION = Section("result_tables", build, Limits())
