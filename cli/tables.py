"""The tables of results of a report: on the screen, and as rows for a file."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

from cli.csv_file import write_rows
from cli.output import print_table
from functions.report.rendering.formatting import count, gain, percent, plain, signed
from linkage.contracts.performance import PerformanceRow

_FIGURES = {
    "n": "number", "n_eff": "number", "standing": "text", "more_needed": "number", "wins": "number",
    "losses": "number", "even": "number", "net_pnl": "number", "gross_profit": "number",
    "gross_loss": "number", "win_rate": "number", "profit_factor": "number", "expectancy": "number",
    "unit_return": "number", "r_multiple": "number", "n_r": "number", "sharpe": "number",
    "sharpe_above_zero": "number", "holding_mean_seconds": "number", "holding_median_seconds": "number",
    "slippage": "number", "n_slippage": "number", "delay_seconds": "number", "n_delay": "number",
    "fees_incomplete": "number", "mixed": "number",
}  # fmt: skip
_INTERVALS = ("win_rate", "expectancy", "unit_return")

TABLE_COLUMNS: Mapping[str, str] = {
    "mode": "text", "by": "text", "group": "text", "name": "text", "currency": "text", **_FIGURES,
    **{f"{name}_{end}": "number" for name in _INTERVALS for end in ("low", "high")},
    "drawdown": "number", "drawdown_share": "number", "open_n": "number", "open_pnl": "number",
    "open_unmarked": "number", "open_oldest_seconds": "number",
}  # fmt: skip


def table_rows(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield one row for each mode, table and group of a report document."""
    for mode in document.get("modes", []):
        for table in mode["tables"]:
            for row in table["rows"]:
                yield {"mode": mode["rates"]["mode"], "by": table["by"], **_flat(row)}


def tables_csv(document: Mapping[str, Any]) -> str:
    """Return the tables of a report document as CSV."""
    buffer = io.StringIO()
    write_rows(buffer, list(TABLE_COLUMNS), table_rows(document))
    return buffer.getvalue()


def print_tables(document: Mapping[str, Any]) -> None:
    """Print the tables of a report document; figures without evidence are marked."""
    for mode in document.get("modes", []):
        for table in mode["tables"]:
            rows = [PerformanceRow.model_validate(row) for row in table["rows"]]
            print_table(
                (table["by"], "n", "net P&L", "won", "per trade", "open", "verdict"),
                [_line(row) for row in rows],
                title=f"mode {mode['rates']['mode']}, by {table['by']}",
            )


def _line(row: PerformanceRow) -> tuple[object, ...]:
    part = row.open
    marked = signed(part.pnl_at_mark) if part.unmarked < part.n else "no price"
    return (
        plain(row.name or row.group), row.n, signed(row.net_pnl, row.currency), percent(row.win_rate),
        gain(row.unit_return), f"{marked} ({part.n})" if part.n else None,
        f"{row.standing}, {count(row.more_needed)} more" if row.more_needed else row.standing,
    )  # fmt: skip


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    flat = {name: row.get(name) for name in ("group", "name", "currency", *_FIGURES)}
    for name in _INTERVALS:
        interval = row.get(f"{name}_interval") or {}
        flat |= {f"{name}_{end}": interval.get(end) for end in ("low", "high")}
    open_part = row["open"]
    flat |= {
        "drawdown": row["drawdown"]["amount"], "drawdown_share": row["drawdown"]["share"],
        "open_n": open_part["n"], "open_pnl": open_part["pnl_at_mark"],
        "open_unmarked": open_part["unmarked"], "open_oldest_seconds": open_part["oldest_seconds"],
    }  # fmt: skip
    return flat
