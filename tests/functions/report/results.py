"""A report document with results in it, written by hand: every part of ``contracts.performance`` occurs."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from linkage.contracts.performance import (
    By,
    Change,
    ComparedSet,
    ComparisonRow,
    CurvePoint,
    Execution,
    FoldedRow,
    Funnel,
    Health,
    MaxDrawdown,
    Money,
    OpenLotRow,
    OpenPart,
    PerformanceRow,
    PerformanceTable,
    Range,
    UnmatchedExitRow,
)
from linkage.contracts.report import (
    DEFECTS,
    BotCount,
    DispositionCount,
    ReportDocument,
    SnapshotActivity,
    Turnover,
)
from tests.functions.report.documents import CALM, END, FOREIGN, HOSTILE, START, TREND, busy_document, order

D = Decimal


def performance(group: str = "", *, n: int = 12, net: str = "41.2", **changes: Any) -> PerformanceRow:
    """Return one row; with 30 episodes or more it is indicative, from 100 on it is enough."""
    wins = n * 7 // 12
    values: dict[str, Any] = {
        "group": group,
        "currency": "USD",
        "n": n,
        "n_eff": D(n) * D("0.75"),
        "standing": "enough" if n >= 140 else "indicative" if n >= 40 else "insufficient data",
        "more_needed": max(0, 250 - n),
        "wins": wins,
        "losses": n - wins,
        "even": 0,
        "net_pnl": D(net),
        "gross_profit": D(net) + D("18.8"),
        "gross_loss": D("18.8"),
        "win_rate": D(wins) / D(n) if n else None,
        "profit_factor": (D(net) + D("18.8")) / D("18.8"),
        "expectancy": D(net) / D(n) if n else None,
        "unit_return": D("0.0042"),
        "r_multiple": D("0.31"),
        "n_r": n,
        "drawdown": MaxDrawdown(amount=D("22.4"), share=D("0.31")),
        "sharpe": D("0.12"),
        "holding_mean_seconds": D(5400),
        "holding_median_seconds": D(3960),
        "slippage": D("0.0006"),
        "n_slippage": n,
        "delay_seconds": D("7.4"),
        "n_delay": n,
        "open": OpenPart(n=2, pnl_at_mark=D("-3.15"), oldest_seconds=D(93600)),
    }
    if n >= 40:
        values.update(
            win_rate_interval=Range(low=D("0.44"), high=D("0.71")),
            expectancy_interval=Range(low=D("-0.8"), high=D("7.9")),
            unit_return_interval=Range(low=D("-0.001"), high=D("0.0094")),
        )
    return PerformanceRow(**{**values, **changes})


def table(by: By, *rows: PerformanceRow, folded: int = 0) -> PerformanceTable:
    """Return a table; with ``folded``, so many rows with insufficient data stand behind its last line."""
    few = [performance(f"few {index}", n=3, net="-1.5") for index in range(folded)]
    line = FoldedRow(currency="USD", rows=folded, n=3 * folded, net_pnl=D("-1.5") * folded, n_open=0,
                     open_pnl=D(0))  # fmt: skip
    return PerformanceTable(
        by=by, rows=[*rows, *few], folded=[line] if folded else [], rows_total=len(rows) + folded
    )


def money(**changes: Any) -> Money:
    """Return what a good day came to, in dollars."""
    steps = [0, 12, 30, 21, 8, 25, 44, "41.2"]
    values: dict[str, Any] = {
        "currency": "USD",
        "total": performance(n=64),
        "realised_open_pnl": D("3.2"),
        "realised_open_pnl_in_period": D("1.1"),
        "open_lots": 2,
        "oldest": [
            OpenLotRow(
                entry_order_id=order(10).order_id, symbol="ETH-USD", side="long", bot_id="sighook",
                snapshot_id=TREND, label="Trend, wide stops", arm="main", opened_at=END - timedelta(hours=26),
                quantity=D("0.5"), currency="USD", entry_price=D(3010), entry_value=D(1505),
                mark_price=D(3004), marked_at=END - timedelta(minutes=4), mark_source="last trade",
                open_pnl=D("-3.4"),
            ),
            OpenLotRow(
                entry_order_id=order(300).order_id, symbol="DOGE-USD", side="long", bot_id="grid1",
                opened_at=END - timedelta(hours=1), quantity=D(900), currency="USD", entry_value=D(90),
            ),
        ],
        "unmatched_exits": 1,
        "unmatched": [
            UnmatchedExitRow(order_id=order(330).order_id, symbol="DOGE-USD", side="sell",
                             executed_at=START + timedelta(minutes=330), quantity=D(1200), currency="USD",
                             value=D("118.4")),
        ],
        "unpriced": 0,
        "dust_lots": 3,
        "dust_pnl": D("-0.0021"),
        "residue_pnl": D(0),
        "fees_incomplete": 2,
        "curve": [
            CurvePoint(at=START + timedelta(minutes=50 * index), net_pnl=D(str(step)))
            for index, step in enumerate(steps)
        ],
        "drawdown": MaxDrawdown(amount=D(22), share=D("0.733333")),
        "late_lots": 2,
        "late_pnl": D("-4.6"),
    }  # fmt: skip
    return Money(**{**values, **changes})


def comparison(**changes: Any) -> ComparisonRow:
    """Return a comparison that cannot say yet."""
    one = ComparedSet(
        snapshot_id=CALM, strategy="momentum", arms=["calm"], record=performance(str(CALM), n=64),
        market_return=D("0.021"),
    )  # fmt: skip
    reference = ComparedSet(
        snapshot_id=TREND, label="Trend, wide stops", strategy="momentum", arms=["main"],
        record=performance(str(TREND), n=180, net="112.5"), market_return=D("0.018"),
    )  # fmt: skip
    values: dict[str, Any] = {
        "currency": "USD", "one": one, "reference": reference, "basis": "interleaved",
        "verdict": "cannot say yet", "verdict_text": "cannot say yet (needs about 190 more)",
        "reason": "A verdict takes 100 effective episodes, 10 wins and 10 losses of each.",
        "n": 64, "n_reference": 120, "n_eff": D(48), "n_eff_reference": D("81.5"), "difference": D("0.0031"),
        "interval": Range(low=D("-0.014"), high=D("0.0202")), "shrunken": D("0.0004"),
        "shrunken_interval": Range(low=D("-0.004"), high=D("0.006")), "p_value": D("0.41"),
        "more_needed": 190, "changes": ["rsi.oversold 30 → 25", "score_buy 2.5 → 3.5"],
    }  # fmt: skip
    return ComparisonRow(**{**values, **changes})


def results_document(mode: str = "live") -> ReportDocument:
    """Return the busy period, with everything that trades came to."""
    document = busy_document(mode)
    tables = [
        table(
            "snapshot",
            performance(str(TREND), n=180, net="34.9", mixed=3, name="Trend, wide stops"),
            performance(str(CALM), n=64, net="9.3", standing="indicative"),
            folded=2,
        ),
        table("trigger", performance("roc_momo", n=120, net="30"), performance("score", n=48), folded=4),
        table("arm", performance("main", n=180, net="34.9"), performance("calm", n=64, net="9.3")),
        table("strategy", performance("momentum", n=244, net="44.2")),
        table("bot", performance("sighook", n=200), performance("grid1", n=44)),
        table("symbol", performance("BTC-USD", n=150), folded=6),
        table("score", performance("2.5 to 3", n=90), performance("3 to 3.5", n=60)),
        table("exit", performance("take_profit", n=110), performance("stop_loss", n=80, net="-60")),
    ]
    executions = [
        Execution(side="buy", orders=66, n_slippage=60, slippage_mean=D("0.0006"),
                  slippage_median=D("0.0004"),
                  slippage_worst=D("0.0051"), n_delay=66, delay_mean_seconds=D("7.4"),
                  delay_median_seconds=D("5.1"), delay_worst_seconds=D("61.2")),
        Execution(side="sell", orders=61),
    ]  # fmt: skip
    results = {
        "money": [money(), money(currency="BTC", total=performance(n=0, net="0", currency="BTC"), curve=[])],
        "tables": tables,
        "executions": executions,
        "funnel": Funnel(sent=151, ordered=129, filled=127, missed=20, missed_return=D("-0.0021"),
                         suppressed={"cooldown": 31, "max_orders": 17}),
        "comparisons": [
            comparison(),
            comparison(
                one=ComparedSet(snapshot_id=FOREIGN, record=performance(str(FOREIGN), n=25, net="4.1")),
                basis="disjoint", verdict="cannot separate from the market",
                verdict_text="cannot separate from the market",
                reason="They ran in different periods, and so in different markets.",
                more_needed=None, changes=[],
            ),
        ],
    }  # fmt: skip
    return document.model_copy(
        update={
            "modes": [each.model_copy(update=results) for each in document.modes],
            "late_orders": [order(-30, mode=mode), order(-95, mode=mode)],
            "changes": [
                Change(at=START + timedelta(hours=2), strategy="momentum", arm="calm", snapshot_id=CALM,
                       before=TREND, before_label="Trend, wide stops",
                       changes=["rsi.oversold 30 → 25", "score_buy 2.5 → 3.5"]),
            ],
            "trials": 23,
            "health": Health(runs=72, fills=171, last_run_seen=14, last_run_skipped={"stale": 1},
                             last_bar_at=END - timedelta(minutes=5), lots_as_of=END - timedelta(minutes=2)),
        }
    )  # fmt: skip


def hostile_results_document() -> ReportDocument:
    """Return results in which every name that a stranger chooses is hostile."""
    document = results_document()
    mode = document.modes[0]
    tables = [
        each.model_copy(update={"rows": [performance(name, n=50, name=name) for name in HOSTILE]})
        for each in mode.tables
    ]
    lots = [
        money()
        .oldest[0]
        .model_copy(
            update={
                "symbol": name,
                "bot_id": name,
                "label": name,
                "mark_source": name,
                "entry_order_id": name,
            }
        )
        for name in HOSTILE
    ]
    compared = [
        comparison(
            one=comparison().one.model_copy(update={"label": name, "strategy": name, "arms": [name]}),
            changes=[name],
        )
        for name in HOSTILE
    ]
    funnel = Funnel(sent=1, suppressed=dict.fromkeys(HOSTILE, 1))
    update = {
        "tables": tables, "money": [money(currency=name, oldest=lots) for name in HOSTILE],
        "comparisons": compared, "funnel": funnel,
    }  # fmt: skip
    changes = [
        document.changes[0].model_copy(update={"label": name, "strategy": name, "changes": [name]})
        for name in HOSTILE
    ]
    health = document.health.model_copy(update={"last_run_skipped": dict.fromkeys(HOSTILE, 1)})
    return document.model_copy(
        update={"modes": [mode.model_copy(update=update)], "changes": changes, "health": health}
    )


def crowded_document(name: str = "A name of usual length") -> ReportDocument:
    """Return more of everything than a mail shows, in three modes and six currencies.

    Args:
        name: of everything that has one.
    """
    document = results_document()
    mode = document.modes[0]
    reasons = ("no_key", "unknown_key", "no_signal", "no_snapshot", "symbol", "side", "reused", "ambiguous")
    rows = [performance(str(UUID(int=index)), n=500, name=name) for index in range(12)]
    lots = [money().oldest[0].model_copy(update={"symbol": name, "label": name, "mark_source": name})] * 5
    large = D("123456789.12")
    results = {
        "tables": [
            each.model_copy(update={"rows": rows, "rows_total": 60, "folded": each.folded * 9})
            for each in mode.tables
        ],
        "money": [money(currency=f"{name}{index}", oldest=lots, open_lots=99) for index in range(6)],
        "comparisons": [comparison(reason=name, verdict_text=name, changes=[name] * 9)] * 9,
        "snapshots": [
            SnapshotActivity(
                snapshot_id=UUID(int=index), label=name, strategy=name, buys=1, last_order_at=START,
                parameters={f"{name}{number}": f"{index}{name}" for number in range(5)},
                turnover=[Turnover(currency=name, bought=large, sold=large, fees=large)] * 6,
            )
            for index in range(20)
        ],
        "bots": [
            BotCount(bot_id=f"{name}{index}", orders=9999, linked=9999, lost=9999, conflict=9999,
                     pending=9999, other=9999, first_defect_at=START)
            for index in range(20)
        ],
        "dispositions": [
            DispositionCount(disposition=each, reason=reason, orders=1, first_at=START, example=name)
            for each in DEFECTS
            for reason in reasons
        ],
    }  # fmt: skip
    modes = [
        mode.model_copy(update={**results, "rates": mode.rates.model_copy(update={"mode": each})})
        for each in ("live", "paper", "unknown")
    ]
    linked = [order(index, symbol=name, trigger_type=name, snapshot_label=name) for index in range(5)]
    lost = [
        order(index, "lost", symbol=name, bot_id=name, order_id=name, reason="no_key", hint=name)
        for index in range(10)
    ]
    changes = [document.changes[0].model_copy(update={"label": name, "changes": [name] * 9})] * 9
    return document.model_copy(
        update={
            "modes": modes,
            "linked": linked,
            "unlinked": lost,
            "orders": linked + lost,
            "changes": changes,
        }
    )
