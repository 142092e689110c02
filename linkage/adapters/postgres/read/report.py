"""Rates and the report of a window, read from the ledger in one transaction.

A window is a range of ``trade_records.order_time``; its cost follows the window.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString

from psycopg.rows import dict_row

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.read.comparisons import compare_sets, count_tried
from linkage.adapters.postgres.read.results import Results, changes
from linkage.contracts.performance import By, ComparisonRow, Execution, Funnel, Health
from linkage.contracts.report import (
    BotCount,
    DispositionCount,
    Liveness,
    ModeRates,
    ModeReport,
    OrderRow,
    Period,
    Rate,
    RatesDocument,
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
MODES = ("live", "paper", "unknown")
TEST_MODE = "test"
_ORDER_TIMES = ("order_time", "signalled_at")

Row = dict[str, Any]


def rates(connection: Connection, window: Window) -> RatesDocument:
    """Return the three rates of a window with their counts."""
    bounds = _bounds(window)
    return RatesDocument(
        period=_period(window),
        read_at=_rows(connection, "SELECT clock_timestamp() AS read_at", {})[0]["read_at"],
        modes=_rates_by_mode(_rows(connection, RATES, bounds), _rows(connection, _SIGNALS, bounds)),
    )


RATES: LiteralString = "SELECT * FROM linkage_rates(%(start)s, %(end)s)"
"""Orders by mode and disposition, from what the recorder counted in advance and from the rest itself."""


_WINDOW: LiteralString = """
WITH in_window AS MATERIALIZED (
  SELECT order_id, coalesce(mode, 'unknown') AS mode, disposition, reason, bot_id, symbol, side, order_time
  FROM order_dispositions
  WHERE executed AND order_time >= %(start)s AND order_time < %(end)s
)
"""


def _in_window(**parts: LiteralString) -> LiteralString:
    """Return one query for several parts, each as a list of objects, over one pass of the window."""
    columns = [
        f"(SELECT coalesce(json_agg(x), '[]') FROM ({body}) x) AS {name}" for name, body in parts.items()
    ]
    return _WINDOW + "SELECT " + ", ".join(columns)


_COUNTS: LiteralString = """
SELECT mode, disposition, reason,
       -- An external order is nobody's, also on an account on which only one bot trades.
       CASE WHEN disposition <> 'external' THEN in_window.bot_id END AS bot_id,
       count(*) AS orders, count(link.order_id) AS with_link, min(order_time) AS first_at,
       (array_agg(order_id ORDER BY order_time DESC, order_id))[1] AS example
FROM in_window LEFT JOIN trade_strategy_link link USING (order_id)
GROUP BY 1, 2, 3, 4
"""

_SIGNALS: LiteralString = """
SELECT coalesce(bot.mode, 'unknown') AS mode,
       count(DISTINCT (s.bot_id, s.client_order_id)) FILTER (WHERE s.disposition = 'sent') AS sent,
       count(DISTINCT (s.bot_id, s.client_order_id)) FILTER (WHERE s.disposition = 'suppressed')
         AS suppressed,
       count(DISTINCT (s.bot_id, s.client_order_id)) FILTER (WHERE s.disposition = 'sent' AND EXISTS (
         SELECT FROM trade_records tr
         LEFT JOIN trade_strategy_link link ON link.order_id = tr.order_id
         LEFT JOIN link_vetoes veto ON veto.order_id = tr.order_id
         WHERE tr.client_order_id = s.client_order_id AND veto.order_id IS NULL
           AND coalesce(link.bot_id, tr.bot_id, s.bot_id) = s.bot_id
       )) AS with_order
FROM strategy_signals s LEFT JOIN current_bots bot ON bot.bot_id = s.bot_id
WHERE s.signalled_at >= %(start)s AND s.signalled_at < %(end)s AND s.origin IS DISTINCT FROM 'test'
GROUP BY 1
"""

_ORDER_COLUMNS: LiteralString = """
SELECT w.order_id, w.mode, tr.venue, tr.account, w.bot_id, tr.client_order_id, tr.symbol, tr.side, tr.status,
       tr.origin, tr.order_time, tr.filled_quantity, tr.average_price, tr.notional, tr.fee, tr.fee_currency,
       w.disposition, w.reason, link.snapshot_id, snapshot.label AS snapshot_label, link.buy_score,
       link.sell_score, coalesce(link.trigger_type, tr.trigger_type) AS trigger_type, link.method,
       link.signalled_at, link.signal_price
FROM in_window w
JOIN trade_records tr USING (order_id)
LEFT JOIN trade_strategy_link link USING (order_id)
LEFT JOIN strategy_snapshots snapshot ON snapshot.snapshot_id = link.snapshot_id
WHERE w.mode <> 'test'
"""

# As the wire has them: thousands of rows would take longer to be made into models than to be read.
_ORDERS: LiteralString = "".join(
    (
        """
SELECT order_id, mode, venue, account, bot_id, client_order_id, symbol, side, status, origin, order_time,
       trim_scale(filled_quantity)::text AS filled_quantity, trim_scale(average_price)::text AS average_price,
       trim_scale(notional)::text AS notional, trim_scale(fee)::text AS fee, fee_currency, disposition,
       reason, snapshot_id, snapshot_label, trim_scale(buy_score)::text AS buy_score,
       trim_scale(sell_score)::text AS sell_score, trigger_type, method, signalled_at,
       trim_scale(signal_price)::text AS signal_price, NULL AS hint
FROM (
""",
        _ORDER_COLUMNS,
        "ORDER BY tr.order_time DESC, w.order_id LIMIT %(orders)s) orders",
    )
)
_LAST_LINKED: LiteralString = (
    _ORDER_COLUMNS + "AND w.disposition = 'linked' ORDER BY tr.order_time DESC, w.order_id LIMIT %(linked)s"
)

# A hint is a question to a person and never a link: a signal without an order, same symbol and side.
_LAST_UNLINKED: LiteralString = "".join(
    (
        "WITH latest AS (",
        _ORDER_COLUMNS,
        "AND w.disposition <> 'linked' ORDER BY tr.order_time DESC, w.order_id LIMIT %(unlinked)s)",
        """
SELECT latest.*, hint.client_order_id AS hint
FROM latest LEFT JOIN LATERAL (
  SELECT s.client_order_id FROM strategy_signals s
  WHERE latest.disposition IN ('lost', 'external') AND s.symbol = latest.symbol AND s.side = latest.side
    AND s.disposition = 'sent' AND s.signalled_at BETWEEN latest.order_time - INTERVAL '10 minutes'
                                                      AND latest.order_time + INTERVAL '10 minutes'
    AND NOT EXISTS (SELECT FROM trade_records known WHERE known.client_order_id = s.client_order_id)
  ORDER BY abs(extract(epoch FROM s.signalled_at - latest.order_time)), s.client_order_id LIMIT 1
) hint ON true
ORDER BY latest.order_time DESC, latest.order_id
""",
    )
)

_EXECUTIONS: LiteralString = """
SELECT mode, side, count(*) AS orders, count(slippage) AS n_slippage,
       round(avg(slippage), 12) AS slippage_mean,
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY slippage::float8))::numeric, 12) AS slippage_median,
       round(max(slippage), 12) AS slippage_worst, count(delay) AS n_delay,
       round(avg(delay), 6) AS delay_mean_seconds,
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY delay::float8))::numeric, 6)
         AS delay_median_seconds,
       max(delay) AS delay_worst_seconds
FROM (
  SELECT w.mode, tr.side, extract(epoch FROM tr.order_time - link.signalled_at) AS delay,
         CASE tr.side WHEN 'buy' THEN 1 ELSE -1 END * (tr.average_price - link.signal_price)
           / nullif(link.signal_price, 0) AS slippage
  FROM in_window w JOIN trade_records tr USING (order_id) JOIN trade_strategy_link link USING (order_id)
  WHERE w.mode <> 'test' AND link.method <> 'parent'
) each
GROUP BY 1, 2 ORDER BY 1, 2
"""

# A key that several bots use is as many signals. What it became is asked as in the rate of signals. What was
# not filled is compared with the last price of its symbol that the period has.
_FUNNEL: LiteralString = """
WITH latest AS (
  SELECT DISTINCT ON (symbol) symbol, price, at
  FROM (
    SELECT symbol, average_price AS price, order_time AS at FROM trade_records
    WHERE order_time >= %(start)s AND order_time < %(end)s AND status IN ('filled', 'done')
    UNION ALL
    SELECT symbol, price, signalled_at FROM strategy_signals
    WHERE signalled_at >= %(start)s AND signalled_at < %(end)s
  ) known
  WHERE price > 0 ORDER BY symbol, at DESC, price
)
SELECT mode, disposition, guardrail, count(*) AS signals,
       count(*) FILTER (WHERE ordered) AS ordered, count(*) FILTER (WHERE filled) AS filled,
       count(missed) AS marked, coalesce(sum(missed), 0) AS missed
FROM (
  SELECT each.*,
         CASE WHEN disposition = 'sent' AND filled IS NOT TRUE AND latest.at > signalled_at
              THEN round(CASE side WHEN 'buy' THEN 1 ELSE -1 END * (latest.price - each.price)
                         / nullif(each.price, 0), 18) END AS missed
  FROM (
    SELECT coalesce(bot.mode, 'unknown') AS mode, s.disposition, s.guardrail, s.bot_id, s.client_order_id,
           min(s.symbol) AS symbol, min(s.side) AS side, min(s.price) AS price,
           min(s.signalled_at) AS signalled_at,
           bool_or(tr.order_id IS NOT NULL) AS ordered, bool_or(tr.filled_quantity > 0) AS filled
    FROM strategy_signals s
    LEFT JOIN current_bots bot ON bot.bot_id = s.bot_id
    LEFT JOIN (
      trade_records tr
      LEFT JOIN trade_strategy_link link ON link.order_id = tr.order_id
      LEFT JOIN link_vetoes veto ON veto.order_id = tr.order_id
    ) ON s.disposition = 'sent' AND tr.client_order_id = s.client_order_id AND veto.order_id IS NULL
     AND coalesce(link.bot_id, tr.bot_id, s.bot_id) = s.bot_id
    WHERE s.signalled_at >= %(start)s AND s.signalled_at < %(end)s AND s.origin IS DISTINCT FROM 'test'
    GROUP BY 1, 2, 3, 4, 5
  ) each LEFT JOIN latest USING (symbol)
) judged
GROUP BY 1, 2, 3
"""

# Values in the currency in which the instrument is quoted, fees in their own; never added up across.
_SNAPSHOTS: LiteralString = """
WITH linked AS (
  SELECT w.mode, link.snapshot_id, tr.side, tr.order_time, tr.notional, tr.fee, tr.fee_currency, tr.fees,
         coalesce(nullif(split_part(split_part(tr.symbol, ':', 1), '-', 2), ''), '?') AS currency
  FROM in_window w JOIN trade_records tr USING (order_id) JOIN trade_strategy_link link USING (order_id)
), turnover AS (
  SELECT mode, snapshot_id, currency, sum(bought) AS bought, sum(sold) AS sold, sum(fees) AS fees
  FROM (
    SELECT mode, snapshot_id, currency, notional * (side = 'buy')::int AS bought,
           notional * (side = 'sell')::int AS sold, 0 AS fees
    FROM linked WHERE notional IS NOT NULL
    UNION ALL
    SELECT mode, snapshot_id, coalesce(fee_currency, '?'), 0, 0, fee
    FROM linked WHERE fee IS NOT NULL AND fees IS NULL
    UNION ALL
    SELECT mode, snapshot_id, mixed.key, 0, 0, mixed.value::numeric
    FROM linked, jsonb_each_text(linked.fees) mixed
  ) each
  GROUP BY 1, 2, 3
)
SELECT linked.mode, linked.snapshot_id, snapshot.label, snapshot.strategy, snapshot.code_version,
       CASE WHEN length(snapshot.parameters::text) <= %(parameters)s THEN snapshot.parameters END
         AS parameters, count(*) OVER (PARTITION BY linked.mode) AS of_mode, linked.buys, linked.sells,
       linked.unpriced, linked.last_order_at,
       coalesce((SELECT jsonb_agg(jsonb_build_object('currency', currency, 'bought', bought, 'sold', sold,
                                                     'fees', fees) ORDER BY currency)
                 FROM turnover t
                 WHERE (t.mode, t.snapshot_id) = (linked.mode, linked.snapshot_id)), '[]') AS turnover
FROM (
  SELECT mode, snapshot_id, count(*) FILTER (WHERE side = 'buy') AS buys,
         count(*) FILTER (WHERE side = 'sell') AS sells, count(*) FILTER (WHERE notional IS NULL) AS unpriced,
         max(order_time) AS last_order_at
  FROM linked GROUP BY 1, 2
) linked
JOIN strategy_snapshots snapshot USING (snapshot_id)
ORDER BY linked.buys + linked.sells DESC, linked.mode, linked.snapshot_id LIMIT %(snapshots)s
"""

_BESIDE: LiteralString = """
SELECT clock_timestamp() AS read_at,
       coalesce((SELECT enabled FROM switch_intervals ORDER BY changed_at DESC LIMIT 1), true)
         AS linking_enabled,
       (SELECT count(*) FROM quarantine
        WHERE resolved_at IS NULL AND quarantined_at >= %(start)s AND quarantined_at < %(end)s)
         AS quarantined,
       (SELECT count(*) FROM order_dispositions
        WHERE executed AND first_recorded_at >= %(start)s AND first_recorded_at < %(end)s
          AND order_time < %(start)s AND disposition <> 'before_linkage' AND mode IS DISTINCT FROM 'test')
         AS late,
       (SELECT count(*) FROM trade_records
        WHERE status = 'test' AND order_time >= %(start)s AND order_time < %(end)s) AS test_orders,
       (SELECT max(order_time) FROM trade_records WHERE status IN ('filled', 'done')) AS last_order_at,
       (SELECT max(signalled_at) FROM strategy_signals) AS last_signal_at,
       last_run.scheduled_at AS last_run_at, last_run.symbols_seen AS last_run_seen,
       last_run.symbols_skipped AS last_run_skipped,
       (SELECT count(*) FROM strategy_runs
        WHERE scheduled_at >= %(start)s AND scheduled_at < %(end)s) AS runs,
       (SELECT coalesce(sum(fill_count), 0) FROM trade_records
        WHERE status IN ('filled', 'done') AND order_time >= %(start)s AND order_time < %(end)s) AS fills,
       (SELECT max(bar_time) FROM (SELECT bar_time FROM strategy_signals
                                   ORDER BY signalled_at DESC LIMIT 100) newest) AS last_bar_at,
       nullif(progress.changed_since, '-infinity') AS lots_as_of,
       progress.matched_at, progress.changed_since < progress.matched_at - INTERVAL '1 minute' AS lots_behind
FROM lot_progress progress
LEFT JOIN LATERAL (
  SELECT scheduled_at, symbols_seen, symbols_skipped FROM strategy_runs ORDER BY scheduled_at DESC LIMIT 1
) last_run ON true
"""

# Asked apart, with the moment in it: the planner takes a moment it cannot see for one long ago.
_CHANGED_SINCE: LiteralString = """
SELECT EXISTS (SELECT FROM trade_records WHERE updated_at > %(since)s) AS changed
"""

_LATE_ORDERS: LiteralString = "".join(
    (
        """
WITH in_window AS MATERIALIZED (
  SELECT order_id, coalesce(mode, 'unknown') AS mode, disposition, reason, bot_id
  FROM order_dispositions
  WHERE executed AND first_recorded_at >= %(start)s AND first_recorded_at < %(end)s
    AND order_time < %(start)s AND disposition <> 'before_linkage'
)
""",
        _ORDER_COLUMNS,
        "ORDER BY tr.order_time DESC, w.order_id LIMIT %(late_orders)s",
    )
)

# The view decides for each order which bot it belongs to. That is most of the work, and done once.
_REPORT_QUERY: LiteralString = _in_window(
    counts=_COUNTS,
    signals=_SIGNALS,
    snapshots=_SNAPSHOTS,
    linked=_LAST_LINKED,
    unlinked=_LAST_UNLINKED,
    orders=_ORDERS,
    executions=_EXECUTIONS,
    funnel=_FUNNEL,
)
_LIMITS: Mapping[str, int] = {
    "snapshots": MAX_SNAPSHOTS,
    "parameters": MAX_PARAMETERS_LENGTH,
    "linked": LAST_LINKED,
    "unlinked": LAST_UNLINKED,
    "orders": MAX_ORDERS,
    "late_orders": LAST_LATE,
}


def _parts(connection: Connection, query: LiteralString, window: Window) -> dict[str, list[Row]]:
    (found,) = _rows(connection, query, _values(window))
    for row in found["counts"]:
        row["first_at"] = datetime.fromisoformat(row["first_at"])
    return found


def report(connection: Connection, window: Window, *, by: Sequence[By], verdicts: bool) -> dict[str, Any]:
    """Return all that the report of a window shows: a ``ReportDocument`` as JSON-ready mapping.

    Args:
        connection: in one transaction that sees one state of the ledger.
        by: what the tables of results are by, one for each.
        verdicts: whether to compare the parameter sets that closed an episode, over all the ledger.

    Raises:
        InvalidInputError: too many episodes were closed in the window.
    """
    found = _parts(connection, _REPORT_QUERY, window)
    beside = _rows(connection, _BESIDE, _bounds(window))[0]
    results = Results(connection, window, at=beside["read_at"])
    counts, trials = found["counts"], None
    if verdicts:
        trials = count_tried(connection)
        found["comparisons"] = [
            {"mode": mode, "comparison": each}
            for mode in results.modes
            for each in _comparisons(connection, window, results, mode, trials)
        ]
    tests = sum(row["orders"] for row in counts if row["mode"] == TEST_MODE)
    document = ReportDocument(
        period=_period(window),
        read_at=beside["read_at"],
        linking_enabled=beside["linking_enabled"],
        modes=[
            _mode_report(rates, found, results, by)
            for rates in _rates_by_mode(counts, found["signals"], results.modes)
        ],
        linked=[OrderRow(**row) for row in found["linked"]],
        unlinked=[OrderRow(**row) for row in found["unlinked"]],
        orders_total=sum(row["orders"] for row in counts) - tests,
        late=beside["late"],
        late_orders=[OrderRow(**row) for row in _rows(connection, _LATE_ORDERS, _values(window))]
        if beside["late"]
        else [],
        quarantined=beside["quarantined"],
        test_orders=beside["test_orders"] + tests,
        changes=changes(connection, window),
        trials=trials,
        liveness=Liveness(
            **{name: beside[name] for name in ("last_order_at", "last_signal_at", "last_run_at")}
        ),
        health=_health(connection, beside),
    )
    orders = [{**row, **{name: _utc(row[name]) for name in _ORDER_TIMES}} for row in found["orders"]]
    return {**document.model_dump(mode="json"), "orders": orders}


def _utc(moment: str | None) -> str | None:
    """Return a time as the wire has it; the session's zone is UTC."""
    return None if moment is None else moment.replace("+00:00", "Z")


def _rates_by_mode(
    counts: Sequence[Row], signals: Sequence[Row], others: Iterable[str] = ()
) -> list[ModeRates]:
    """Return the rates of each mode that did something; modes are never summed, tests never counted.

    Args:
        others: modes that did something else.
    """
    orders: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    executed: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in counts:
        orders[row["mode"]][row["disposition"]] += row["orders"]
        executed[row["mode"]][0] += row["with_link"]
        executed[row["mode"]][1] += row["orders"]
    sent = {row["mode"]: row for row in signals}
    rates = []
    for mode in (mode for mode in MODES if mode in {*orders, *sent, *others}):
        linked, lost, conflict = (orders[mode][name] for name in ("linked", "lost", "conflict"))
        of_signals = sent.get(mode, {"sent": 0, "with_order": 0, "suppressed": 0})
        rates.append(
            ModeRates(
                mode=mode,
                expected=Rate(part=linked, whole=linked + lost + conflict),
                executed=Rate(part=executed[mode][0], whole=executed[mode][1]),
                signals=Rate(part=of_signals["with_order"], whole=of_signals["sent"]),
                pending=orders[mode]["pending"],
                lost=lost,
                conflict=conflict,
                signals_suppressed=of_signals["suppressed"],
            )
        )
    return rates


def _mode_report(
    rates: ModeRates, found: Mapping[str, Sequence[Row]], results: Results, by: Sequence[By]
) -> ModeReport:
    of_mode = {name: [row for row in rows if row["mode"] == rates.mode] for name, rows in found.items()}
    active, money = of_mode["snapshots"], results.money(rates.mode)
    return ModeReport(
        rates=rates,
        dispositions=_dispositions(of_mode["counts"]),
        bots=_bots(of_mode["counts"]),
        snapshots=[
            SnapshotActivity(**{**row, "turnover": [Turnover(**each) for each in row["turnover"]]})
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


def _health(connection: Connection, beside: Row) -> Health:
    skipped = Counter[str](dict(beside["last_run_skipped"] or {}).values())
    return Health(
        runs=beside["runs"],
        fills=beside["fills"],
        last_run_seen=beside["last_run_seen"],
        last_run_skipped=dict(skipped.most_common()),
        last_bar_at=beside["last_bar_at"],
        lots_as_of=beside["lots_as_of"],
        lots_behind=beside["lots_behind"]
        or _rows(connection, _CHANGED_SINCE, {"since": beside["matched_at"]})[0]["changed"],
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
        key=lambda each: (-each.orders, each.disposition, each.reason or ""),
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


def _rows(connection: Connection, query: LiteralString, parameters: Mapping[str, Any]) -> list[Row]:
    return connection.cursor(row_factory=dict_row).execute(query, parameters).fetchall()


def _bounds(window: Window) -> dict[str, Any]:
    return {"start": window.start, "end": window.end}


def _values(window: Window) -> dict[str, Any]:
    return {**_bounds(window), **_LIMITS}


def _period(window: Window) -> Period:
    return Period(start=window.start, end=window.end)
