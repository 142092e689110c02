"""The report's CSV attachments. Times in UTC, amounts as plain decimals."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from linkage.contracts.performance import PerformanceRow
from linkage.contracts.report import OrderRow, ReportDocument
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
                    *(end for each in intervals for end in ((each.low, each.high) if each else (None, None))),
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
        for each in mode.snapshots:
            parameters = None if each.parameters is None else json.dumps(each.parameters, ensure_ascii=False)
            head = (mode.mode, each.snapshot_id, each.label, each.strategy, each.code_version)
            tail = (iso_utc(each.last_order_at), parameters)
            for money in each.turnover:
                amounts = (money.currency, money.bought, money.sold, money.fees)
                yield *head, each.buys, each.sells, *amounts, *tail
            if not each.turnover:
                yield *head, each.buys, each.sells, None, None, None, None, *tail


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
