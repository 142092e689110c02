"""The last orders without a link: defects before the results, and what needs nothing done after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from functions.report.rendering import formatting
from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.order_lines import OrderLine, order_line
from functions.report.rendering.section import ReportContext, Section
from linkage.contracts.report import DEFECTS, ReportDocument


@dataclass(frozen=True, slots=True)
class Limits(SectionLimits):
    """How much of it is shown: all defects up to a limit, and of the others the latest few."""

    defects: int = 10
    others: int = 3


@dataclass(frozen=True, slots=True)
class UnlinkedOrders:
    """What the templates show."""

    orders: Sequence[OrderLine]
    more: str


def build_with_defects(context: ReportContext, limits: Limits) -> UnlinkedOrders | None:
    """Return the orders where there are defects among them."""
    return _unlinked(context, limits) if _has_defects(context.document) else None


def build_without_defects(context: ReportContext, limits: Limits) -> UnlinkedOrders | None:
    """Return the orders where there are no defects among them."""
    return None if _has_defects(context.document) else _unlinked(context, limits)


def _has_defects(document: ReportDocument) -> bool:
    return any(order.disposition in DEFECTS for order in document.unlinked)


def _unlinked(context: ReportContext, limits: Limits) -> UnlinkedOrders | None:
    orders = context.document.unlinked
    if not orders:
        return None
    defects = [order for order in orders if order.disposition in DEFECTS][: limits.defects]
    others = [order for order in orders if order.disposition not in DEFECTS][: limits.others]
    shown = [order_line(order, context) for order in [*defects, *others]]
    rates = [mode.rates.executed for mode in context.document.modes]
    hidden = sum(rate.whole - rate.part for rate in rates) - len(shown)
    return UnlinkedOrders(shown, formatting.more(hidden, "more order", file="orders.csv"))


WITH_DEFECTS = Section("unlinked_orders", build_with_defects, Limits())
WITHOUT_DEFECTS = Section("unlinked_orders", build_without_defects, Limits())
