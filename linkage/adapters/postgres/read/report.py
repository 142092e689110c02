"""The report of a window, read from the ledger in one transaction.

A window is a range of ``trade_records.order_time``; its cost follows the window.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.read.activations import changes
from linkage.adapters.postgres.read.comparisons import compare_sets, count_tried
from linkage.adapters.postgres.read.rates import period, rates_by_mode
from linkage.adapters.postgres.read.results import Results
from linkage.adapters.postgres.read.rows import Row, bounds, fetch_rows
from linkage.adapters.postgres.statements import statement
from linkage.contracts.performance import By, ComparisonRow, Execution, Funnel, Health
from linkage.contracts.report import (
    BotCount,
    DispositionCount,
    Liveness,
    ModeRates,
    ModeReport,
    OrderRow,
    ReportDocument,
    SnapshotActivity,
    Turnover,
)
from linkage.domain.facts import Window

LAST_LINKED = 5
LAST_UNLINKED = 10
LAST_LATE = 5
MAX_ORDERS = 4_000
"""Orders in the CSV file. What a function may answer is limited to 6 MB."""
MAX_SNAPSHOTS = 200
MAX_PARAMETERS_LENGTH = 8_000
"""In characters of JSON; longer ones are in the ledger, and in a trace."""
TEST_MODE = "test"

WINDOW_ORDERS = statement(__file__, "window_orders")
WINDOW_HEALTH = statement(__file__, "window_health")
LATE_ORDERS = statement(__file__, "late_orders")
_CHANGED_SINCE = statement(__file__, "changed_since")
_ORDER_TIMES = ("order_time", "signalled_at")


def query_parameters(window: Window) -> dict[str, Any]:
    """Return the parameters that the statements of a report take."""
    return {
        **bounds(window),
        "snapshots": MAX_SNAPSHOTS,
        "parameters": MAX_PARAMETERS_LENGTH,
        "linked": LAST_LINKED,
        "unlinked": LAST_UNLINKED,
        "orders": MAX_ORDERS,
        "late_orders": LAST_LATE,
    }


def report(connection: Connection, window: Window, *, by: Sequence[By], verdicts: bool) -> dict[str, Any]:
    """Return all that the report of a window shows: a ``ReportDocument`` as JSON-ready mapping.

    Args:
        connection: in one transaction that sees one state of the ledger.
        by: what the tables of results are by, one for each.
        verdicts: whether to compare the parameter sets that closed an episode, over all the ledger.

    Raises:
        InvalidInputError: too many episodes were closed in the window.
    """
    (parts,) = fetch_rows(connection, WINDOW_ORDERS, query_parameters(window))
    for row in parts["counts"]:
        row["first_at"] = datetime.fromisoformat(row["first_at"])
    health = fetch_rows(connection, WINDOW_HEALTH, bounds(window))[0]
    results = Results(connection, window, at=health["read_at"])
    counts, trials = parts["counts"], None
    if verdicts:
        trials = count_tried(connection)
        parts["comparisons"] = [
            {"mode": mode, "comparison": comparison}
            for mode in results.modes
            for comparison in _comparisons(connection, window, results, mode, trials)
        ]
    tests = sum(row["orders"] for row in counts if row["mode"] == TEST_MODE)
    late_orders = fetch_rows(connection, LATE_ORDERS, query_parameters(window)) if health["late"] else []
    document = ReportDocument(
        period=period(window),
        read_at=health["read_at"],
        linking_enabled=health["linking_enabled"],
        modes=[
            _mode_report(rates, parts, results, by)
            for rates in rates_by_mode(counts, parts["signals"], results.modes)
        ],
        linked=[OrderRow(**row) for row in parts["linked"]],
        unlinked=[OrderRow(**row) for row in parts["unlinked"]],
        orders_total=sum(row["orders"] for row in counts) - tests,
        late=health["late"],
        late_orders=[OrderRow(**row) for row in late_orders],
        quarantined=health["quarantined"],
        test_orders=health["test_orders"] + tests,
        changes=changes(connection, window),
        trials=trials,
        liveness=Liveness(
            last_order_at=health["last_order_at"],
            last_signal_at=health["last_signal_at"],
            last_run_at=health["last_run_at"],
        ),
        health=_health(connection, health),
    )
    orders = [{**row, **{name: _utc(row[name]) for name in _ORDER_TIMES}} for row in parts["orders"]]
    return {**document.model_dump(mode="json"), "orders": orders}


def _utc(moment: str | None) -> str | None:
    """Return a time as the wire has it; the session's zone is UTC."""
    return None if moment is None else moment.replace("+00:00", "Z")


def _mode_report(
    rates: ModeRates, parts: Mapping[str, Sequence[Row]], results: Results, by: Sequence[By]
) -> ModeReport:
    of_mode = {name: [row for row in rows if row["mode"] == rates.mode] for name, rows in parts.items()}
    active, money = of_mode["snapshots"], results.money(rates.mode)
    return ModeReport(
        rates=rates,
        dispositions=_dispositions(of_mode["counts"]),
        bots=_bots(of_mode["counts"]),
        snapshots=[
            SnapshotActivity(**{**row, "turnover": [Turnover(**amounts) for amounts in row["turnover"]]})
            for row in active
        ],
        snapshots_total=active[0]["of_mode"] if active else 0,
        money=money,
        tables=results.tables(rates.mode, by) if money else [],
        executions=[Execution.model_validate(row) for row in of_mode["executions"]],
        funnel=_funnel(of_mode["funnel"]),
        comparisons=[row["comparison"] for row in of_mode.get("comparisons", [])],
    )


def _comparisons(
    connection: Connection, window: Window, results: Results, mode: str, tried: int
) -> list[ComparisonRow]:
    closed, still_open = results.rows(mode)
    return compare_sets(connection, window, at=results.at, closed=closed, still_open=still_open, tried=tried)


def _funnel(rows: Sequence[Row]) -> Funnel:
    sent = [row for row in rows if row["disposition"] == "sent"]
    suppressed = Counter[str]()
    for row in rows:
        if row["disposition"] == "suppressed":
            suppressed[row["guardrail"] or "no reason"] += row["signals"]
    marked = sum(row["marked"] for row in sent)
    missed = sum((Decimal(row["missed"]) for row in sent), Decimal(0))
    return Funnel(
        sent=sum(row["signals"] for row in sent),
        ordered=sum(row["ordered"] for row in sent),
        filled=sum(row["filled"] for row in sent),
        missed=marked,
        missed_return=missed / marked if marked else None,
        suppressed=dict(suppressed.most_common()),
    )


def _health(connection: Connection, read: Row) -> Health:
    skipped = Counter[str](dict(read["last_run_skipped"] or {}).values())
    changed_since_matched = {"since": read["matched_at"]}
    return Health(
        runs=read["runs"],
        fills=read["fills"],
        last_run_seen=read["last_run_seen"],
        last_run_skipped=dict(skipped.most_common()),
        last_bar_at=read["last_bar_at"],
        lots_as_of=read["lots_as_of"],
        lots_behind=read["lots_behind"]
        or fetch_rows(connection, _CHANGED_SINCE, changed_since_matched)[0]["changed"],
    )


def _dispositions(counts: Iterable[Row]) -> list[DispositionCount]:
    groups: dict[tuple[str, str | None], list[Row]] = defaultdict(list)
    for row in counts:
        groups[row["disposition"], row["reason"]].append(row)
    return sorted(
        (
            DispositionCount.model_validate(
                {
                    "disposition": disposition,
                    "reason": reason,
                    "orders": sum(row["orders"] for row in rows),
                    "first_at": min(row["first_at"] for row in rows),
                    "example": max(rows, key=lambda row: row["first_at"])["example"],
                }
            )
            for (disposition, reason), rows in groups.items()
        ),
        key=lambda group: (-group.orders, group.disposition, group.reason or ""),
    )


def _bots(counts: Iterable[Row]) -> list[BotCount]:
    groups: dict[str | None, list[Row]] = defaultdict(list)
    for row in counts:
        groups[row["bot_id"]].append(row)
    bots = []
    for bot_id, rows in groups.items():
        orders: dict[str, int] = defaultdict(int)
        for row in rows:
            orders[row["disposition"]] += row["orders"]
        total = sum(orders.values())
        linked, pending, lost, conflict = (orders[name] for name in ("linked", "pending", "lost", "conflict"))
        bots.append(
            BotCount(
                bot_id=bot_id,
                orders=total,
                linked=linked,
                pending=pending,
                lost=lost,
                conflict=conflict,
                other=total - linked - pending - lost - conflict,
                first_defect_at=min(
                    (row["first_at"] for row in rows if row["disposition"] in ("lost", "conflict")),
                    default=None,
                ),
            )
        )
    return sorted(bots, key=lambda bot: (-bot.orders, bot.bot_id or ""))
