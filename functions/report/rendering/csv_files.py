"""The report's CSV attachments. Times in UTC, amounts as plain decimals."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from linkage.contracts.performance import PerformanceRow, Range
from linkage.contracts.report import OrderRow, ReportDocument, SnapshotActivity
from linkage.domain.canonical import iso_utc

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

ORDER_COLUMNS = tuple(name for name in OrderRow.model_fields if name != "hint")
RATE_COLUMNS = ("mode", "rate", "part", "whole", "percent")
SET_COLUMNS = (
    "mode", "snapshot_id", "label", "strategy", "code_version", "buys", "sells", "currency", "bought", "sold",
    "fees", "last_order_at", "parameters",
)  # fmt: skip


RESULT_COLUMNS = tuple(
    name
    for name in PerformanceRow.model_fields
    if name not in ("drawdown", "open") and "interval" not in name
)
INTERVALS = ("win_rate", "expectancy", "unit_return")


def csv_files(document: ReportDocument) -> Mapping[str, str]:
    """Return the attachments: name to text."""
    return {
        "rates.csv": _csv(RATE_COLUMNS, _rate_rows(document)),
        "orders.csv": _csv(
            ORDER_COLUMNS,
            (
                [row[name] for name in ORDER_COLUMNS]
                for row in (order.model_dump(mode="json") for order in document.orders)
            ),
        ),
        "parameter_sets.csv": _csv(SET_COLUMNS, _set_rows(document)),
        "results.csv": _csv(
            (
                "mode",
                "by",
                *RESULT_COLUMNS,
                *(f"{name}_{end}" for name in INTERVALS for end in ("low", "high")),
                "drawdown",
                "drawdown_share",
                "open",
                "open_unmarked",
                "open_pnl",
                "oldest_open_seconds",
            ),
            _result_rows(document),
        ),
    }


def _result_rows(document: ReportDocument) -> Iterable[Sequence[object]]:
    for mode in document.modes:
        tables: list[tuple[str, Sequence[PerformanceRow]]] = [("", [money.total for money in mode.money])]
        tables += [(table.by, table.rows) for table in mode.tables]
        for by, rows in tables:
            for row in rows:
                intervals = [getattr(row, f"{name}_interval") for name in INTERVALS]
                yield (
                    mode.mode,
                    by,
                    *(getattr(row, name) for name in RESULT_COLUMNS),
                    *(bound for interval in intervals for bound in _bounds(interval)),
                    row.drawdown.amount,
                    row.drawdown.share,
                    row.open.n,
                    row.open.unmarked,
                    row.open.pnl_at_mark,
                    row.open.oldest_seconds,
                )


def _rate_rows(document: ReportDocument) -> Iterable[Sequence[object]]:
    for mode in document.modes:
        rates = mode.rates
        for name in ("expected", "executed", "signals"):
            rate = getattr(rates, name)
            yield rates.mode, name, rate.part, rate.whole, rate.percent
        for name in ("pending", "lost", "conflict", "signals_suppressed"):
            yield rates.mode, name, getattr(rates, name), None, None


def _set_rows(document: ReportDocument) -> Iterable[Sequence[object]]:
    for mode in document.modes:
        for activity in mode.snapshots:
            yield from _set_lines(mode.mode, activity)


def _set_lines(mode: str, activity: SnapshotActivity) -> Iterable[Sequence[object]]:
    """Yield a line for each currency that a set traded in; one without amounts where there is none."""
    parameters = activity.parameters
    description = None if parameters is None else json.dumps(parameters, ensure_ascii=False)
    head = (mode, activity.snapshot_id, activity.label, activity.strategy, activity.code_version)
    tail = (iso_utc(activity.last_order_at), description)
    for currency in activity.turnover:
        amounts = (currency.currency, currency.bought, currency.sold, currency.fees)
        yield *head, activity.buys, activity.sells, *amounts, *tail
    if not activity.turnover:
        yield *head, activity.buys, activity.sells, None, None, None, None, *tail


def _bounds(interval: Range | None) -> tuple[Decimal | None, Decimal | None]:
    return (interval.low, interval.high) if interval else (None, None)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return buffer.getvalue()


def _cell(value: object) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text
