"""Orders as the tables of linked and unlinked orders show them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from functions.report.rendering import formatting
from functions.report.rendering.naming import SnapshotName
from functions.report.rendering.section import ReportContext
from linkage.contracts.report import DEFECTS, OrderRow


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One order in a table."""

    symbol: str
    side: str
    time: str
    mode: str
    scores: str
    trigger: str
    snapshot: SnapshotName
    disposition: str
    reason: str
    origin: str
    order_id: str
    defect: bool
    hint: str


def order_line(order: OrderRow, context: ReportContext) -> OrderLine:
    """Return one order as it is shown."""
    signal = formatting.plain(order.hint, 36) if order.hint else ""
    return OrderLine(
        symbol=formatting.plain(order.symbol, 24),
        side=order.side,
        time=formatting.day_and_time(order.order_time, context.zone),
        mode=formatting.mode_tag(order.mode),
        scores=_scores(order.buy_score, order.sell_score),
        trigger=formatting.plain(order.trigger_type or "no trigger"),
        snapshot=context.names.of(order.snapshot_id) if order.snapshot_id else SnapshotName(""),
        disposition=order.disposition.replace("_", " "),
        reason=formatting.reason(order.disposition, order.reason),
        origin=formatting.plain(_origin(order), 24),
        order_id=formatting.plain(order.order_id, 60),
        defect=order.disposition in DEFECTS,
        hint=f"Perhaps of signal {signal}: did the key survive?" if signal else "",
    )


def _origin(order: OrderRow) -> str:
    # What nobody's bot decided is not the doing of the bot that trades on the same account.
    if order.disposition == "external":
        return order.origin or "not a bot of yours"
    return order.bot_id or order.origin or "unknown"


def _scores(buy: Decimal | None, sell: Decimal | None) -> str:
    return f"buy {formatting.number(buy)} · sell {formatting.number(sell)}"
