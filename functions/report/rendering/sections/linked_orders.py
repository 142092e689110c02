"""The last linked orders, with their trigger, scores and parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.order_lines import OrderLine, order_line
from functions.report.rendering.section import ReportContext, Section


@dataclass(frozen=True, slots=True)
class Limits(SectionLimits):
    """How much of it is shown."""

    orders: int = 5


def build(context: ReportContext, limits: Limits) -> Sequence[OrderLine] | None:
    """Return the latest linked orders, or None where there is none."""
    return [order_line(order, context) for order in context.document.linked[: limits.orders]] or None


SECTION = Section("linked_orders", build, Limits())
