"""When something last happened at all, for a period in which nothing did."""

from __future__ import annotations

from collections.abc import Sequence

from functions.report.rendering import formatting
from functions.report.rendering.figures import Line
from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.section import ReportContext, Section
from functions.report.rendering.verdict import busy_modes


def build(context: ReportContext, _limits: SectionLimits) -> Sequence[Line] | None:
    """Return the last order, signal and run; None where the period had any."""
    if busy_modes(context.document):
        return None
    liveness = context.document.liveness
    moments = {
        "Last order": liveness.last_order_at,
        "Last signal": liveness.last_signal_at,
        "Last strategy run": liveness.last_run_at,
    }
    return [
        Line(label, formatting.day_and_time(moment, context.zone) if moment else "never")
        for label, moment in moments.items()
    ]


SECTION = Section("last_activity", build, SectionLimits())
