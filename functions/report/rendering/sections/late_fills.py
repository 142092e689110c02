"""Orders of earlier periods whose fills arrived in this one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from functions.report.rendering import formatting
from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.section import ReportContext, Section
from linkage.contracts.report import OrderRow


@dataclass(frozen=True, slots=True)
class Limits(SectionLimits):
    """How much of it is shown."""

    orders: int = 5


@dataclass(frozen=True, slots=True)
class LateFills:
    """What the templates show."""

    total: str
    orders: Sequence[str]


def build(context: ReportContext, limits: Limits) -> LateFills | None:
    """Return the latest of the late orders, or None where there is none."""
    orders = context.document.late_orders[: limits.orders]
    if not orders:
        return None
    total = formatting.plural(context.document.late, "order")
    return LateFills(total, [_order(order, context.zone) for order in orders])


def _order(order: OrderRow, zone: tzinfo) -> str:
    tag = formatting.mode_tag(order.mode)
    return (
        f"{formatting.day_and_time(order.order_time, zone)} {order.side} "
        f"{formatting.plain(order.symbol, 24)}{f' ({tag})' if tag else ''}: "
        f"{order.disposition.replace('_', ' ')}"
    )


SECTION = Section("late_fills", build, Limits())
