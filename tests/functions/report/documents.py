"""Report documents written by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from linkage.contracts.report import (
    BotCount,
    DispositionCount,
    Liveness,
    ModeRates,
    ModeReport,
    OrderRow,
    Period,
    Rate,
    ReportDocument,
    SnapshotActivity,
    Turnover,
)

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
END = START + timedelta(hours=6)
TREND = UUID("11111111-6d1c-5b0e-9a54-4f0c4e6b2a11")
CALM = UUID("22222222-6d1c-5b0e-9a54-4f0c4e6b2a22")
FOREIGN = UUID("b042c0bb-6184-4d40-aa65-2f7c8d83a243")

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "a & b &amp; c",
    "🦄🧑‍🚀" * 60,
    "x" * 255,
    "evil\r\nBcc: someone@example.com",
    "\u202egnp.exe\u2066",
    '=HYPERLINK("http://example.com")',
)


def order(minute: int, disposition: str = "linked", **changes: Any) -> OrderRow:
    """Return one executed order, so many minutes into the period."""
    values: dict[str, Any] = {
        "order_id": f"00000000-0000-4000-8000-{minute:012d}",
        "mode": "live",
        "venue": "coinbase",
        "account": "main",
        "bot_id": "sighook",
        "client_order_id": f"{minute:032x}",
        "symbol": "BTC-USD",
        "side": "buy",
        "status": "filled",
        "order_time": START + timedelta(minutes=minute),
        "filled_quantity": Decimal("0.0125"),
        "average_price": Decimal("61234.5"),
        "notional": Decimal("765.43"),
        "fee": Decimal("0.46"),
        "fee_currency": "USD",
        "disposition": disposition,
    }
    if disposition == "linked":
        values.update(
            snapshot_id=TREND,
            snapshot_label="Trend, wide stops",
            buy_score=Decimal("4.5"),
            sell_score=None,
            trigger_type="roc_momo",
            method="key",
            signalled_at=START + timedelta(minutes=minute, seconds=-8),
        )
    return OrderRow(**{**values, **changes})


def busy_document(mode: str = "live") -> ReportDocument:
    """Return a period with three lost orders, one conflict and most of what else there is."""
    linked = [
        order(351, mode=mode, trigger_type="score", buy_score=Decimal("5.25"), sell_score=Decimal("1.5")),
        order(340, mode=mode, symbol="AVNT-USD", side="sell", snapshot_id=FOREIGN, snapshot_label=None,
              bot_id="bottrader", buy_score=None, trigger_type="take_profit"),
        order(322, mode=mode, symbol="ETH-USD", snapshot_id=CALM, snapshot_label=None),
        order(310, mode=mode, symbol="SOL-USD", side="sell", buy_score=Decimal(0),
              sell_score=Decimal("3.75")),
        order(290, mode=mode, symbol="1000SATS-USDT", side="buy"),
    ]  # fmt: skip
    unlinked = [
        order(345, "lost", mode=mode, bot_id="grid1", client_order_id=None, reason="no_key",
              hint="entry-20261122-1745"),
        order(330, "external", mode=mode, bot_id=None, origin="manual", symbol="DOGE-USD", side="sell"),
        order(325, "lost", mode=mode, bot_id="grid1", client_order_id=None, reason="no_key"),
        order(300, "conflict", mode=mode, bot_id="grid1", reason="side"),
        order(280, "pending", mode=mode, symbol="ETH-USD"),
        order(125, "lost", mode=mode, bot_id="sighook", reason="no_signal"),
        order(90, "unsignalled", mode=mode, bot_id="rebalancer", symbol="ETH-BTC"),
    ]  # fmt: skip
    at = {name: START + timedelta(minutes=minute) for name, minute in {"a": 90, "b": 125, "c": 300}.items()}
    modes = [
        ModeReport(
            rates=ModeRates(
                mode=mode,
                expected=Rate(part=127, whole=131),
                executed=Rate(part=127, whole=142),
                signals=Rate(part=129, whole=151),
                pending=1,
                lost=3,
                conflict=1,
                signals_suppressed=48,
            ),
            dispositions=[
                DispositionCount(disposition="linked", orders=127, first_at=at["a"]),
                DispositionCount(disposition="external", orders=6, first_at=at["a"]),
                DispositionCount(disposition="lost", reason="no_key", orders=2, first_at=at["c"],
                                 example=order(325).order_id),
                DispositionCount(disposition="lost", reason="no_signal", orders=1, first_at=at["b"],
                                 example=order(125).order_id),
                DispositionCount(disposition="conflict", reason="side", orders=1, first_at=at["c"],
                                 example=order(300).order_id),
                DispositionCount(disposition="pending", orders=1, first_at=at["c"]),
                DispositionCount(disposition="unsignalled", orders=4, first_at=at["a"]),
            ],
            bots=[
                BotCount(bot_id="sighook", orders=104, linked=102, lost=1, pending=1,
                         first_defect_at=at["b"]),
                BotCount(bot_id="grid1", orders=28, linked=25, lost=2, conflict=1, first_defect_at=at["c"]),
                BotCount(bot_id="rebalancer", orders=4, other=4),
                BotCount(bot_id=None, orders=6, other=6),
            ],
            snapshots=[
                SnapshotActivity(
                    snapshot_id=TREND, label="Trend, wide stops", strategy="momentum", code_version="3f2a",
                    parameters={"strategy": "momentum", "rsi": {"oversold": "30"}, "score_buy": "2.5"},
                    buys=41, sells=38, last_order_at=at["c"],
                    turnover=[Turnover(currency="USD", bought=Decimal("81234.5"), sold=Decimal("79001.22"),
                                       fees=Decimal("96.14"))],
                ),
                SnapshotActivity(
                    snapshot_id=CALM, strategy="momentum", code_version="3f2a",
                    parameters={"strategy": "momentum", "rsi": {"oversold": "25"}, "score_buy": "3.5"},
                    buys=12, sells=11, unpriced=1, last_order_at=at["c"],
                    turnover=[Turnover(currency="USD", bought=Decimal("12004"), sold=Decimal("11870.4"),
                                       fees=Decimal("14.32")),
                              Turnover(currency="BTC", bought=Decimal("0.25"), sold=Decimal(0),
                                       fees=Decimal("0.00012"))],
                ),
                SnapshotActivity(
                    snapshot_id=FOREIGN, buys=13, sells=12, last_order_at=at["c"],
                    turnover=[Turnover(currency="USD", bought=Decimal(260), sold=Decimal("254.18"),
                                       fees=Decimal("1.54"))],
                ),
            ],
        )
    ]  # fmt: skip
    return ReportDocument(
        period=Period(start=START, end=END),
        read_at=END + timedelta(seconds=4),
        modes=modes,
        linked=linked,
        unlinked=unlinked,
        orders=[*linked, *unlinked],
        orders_total=142,
        late=2,
        quarantined=1,
        test_orders=3,
        liveness=Liveness(last_order_at=END, last_signal_at=END, last_run_at=END),
    )


def calm_document() -> ReportDocument:
    """Return a period in which all is well, on paper and live."""
    rates = {"signals": Rate(part=23, whole=25), "executed": Rate(part=23, whole=23)}
    both = [
        ModeReport(
            rates=ModeRates(mode=mode, expected=Rate(part=23, whole=23), pending=pending, **rates),
            dispositions=[DispositionCount(disposition="linked", orders=23, first_at=START)],
            bots=[BotCount(bot_id="sighook", orders=23, linked=23)],
        )
        for mode, pending in (("live", 2), ("paper", 0))
    ]
    return ReportDocument(
        period=Period(start=START, end=END),
        read_at=END,
        modes=both,
        linked=[order(351), order(340, mode="paper")],
        orders=[order(351), order(340, mode="paper")],
        orders_total=2,
    )


def empty_document() -> ReportDocument:
    """Return a period in which nothing happened."""
    return ReportDocument(
        period=Period(start=START, end=END),
        read_at=END,
        liveness=Liveness(last_order_at=START - timedelta(days=1), last_run_at=END - timedelta(minutes=3)),
    )


def hostile_document() -> ReportDocument:
    """Return a period in which every name that a stranger chooses is hostile."""
    document = busy_document()
    rows = [
        order(
            index,
            disposition,
            symbol=name,
            bot_id=name,
            order_id=name,
            trigger_type=name,
            snapshot_label=name,
            origin=name,
            client_order_id=name[:128],
            reason=name if disposition != "linked" else None,
            hint=name,
        )
        for index, name in enumerate(HOSTILE)
        for disposition in ("linked", "lost")
    ]
    mode = document.modes[0]
    sets = [
        SnapshotActivity(
            snapshot_id=UUID(int=index), label=name, strategy=name, code_version=name,
            parameters={name: name, "nested": {name: [name]}}, buys=1, last_order_at=START,
            turnover=[Turnover(currency=name, bought=Decimal(1))],
        )
        for index, name in enumerate(HOSTILE)
    ]  # fmt: skip
    bots = [BotCount(bot_id=name, orders=1, lost=1, first_defect_at=START) for name in HOSTILE]
    lost = [
        DispositionCount(disposition="lost", reason=name, orders=1, first_at=START, example=name)
        for name in HOSTILE
    ]
    return document.model_copy(
        update={
            "linked": [row for row in rows if row.disposition == "linked"][:5],
            "unlinked": [row for row in rows if row.disposition == "lost"],
            "orders": rows,
            "modes": [mode.model_copy(update={"snapshots": sets, "bots": bots, "dispositions": lost})],
        }
    )
