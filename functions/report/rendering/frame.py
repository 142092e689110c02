"""What stands around the sections: the top of the mail, and the notes at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from functions.report.rendering import formatting
from functions.report.rendering.figures import filled
from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.money_lines import totals
from functions.report.rendering.section import ReportContext
from functions.report.rendering.verdict import LEVEL_NAMES, busy_modes
from linkage.contracts.report import ReportDocument


@dataclass(frozen=True, slots=True)
class FrameLimits(SectionLimits):
    """How much of it is shown."""

    currencies: int = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """What the templates show around the sections.

    Attributes:
        totals: what each mode and currency came to, one line each.
        has_rates, has_results: whether the explanations of both belong to this report.
    """

    title: str
    stage: str
    level: str
    level_name: str
    headline: str
    totals: Sequence[str]
    period: str
    length: str
    notes: Sequence[str]
    read_at: str
    zone_name: str
    times_note: str
    has_rates: bool
    has_results: bool


def frame_of(
    context: ReportContext, limits: FrameLimits, *, title: str, stage: str, has_results: bool
) -> Frame:
    """Return the frame of a report."""
    document, zone = context.document, context.zone
    start, end = document.period.start, document.period.end
    zone_name = end.astimezone(zone).tzname() or "UTC"
    return Frame(
        title=title,
        stage=stage,
        level=context.verdict.level,
        level_name=LEVEL_NAMES[context.verdict.level],
        headline=context.verdict.headline,
        totals=_totals(document, limits),
        period=formatting.period(start, end, zone),
        length=formatting.length(start, end),
        notes=_notes(document, zone),
        read_at=formatting.day_and_time(document.read_at, zone),
        zone_name=zone_name,
        times_note="All times are in UTC."
        if zone_name == "UTC"
        else f"Times are in {zone_name}, in the attached CSV files in UTC.",
        has_rates=bool(busy_modes(document)),
        has_results=has_results,
    )


def _totals(document: ReportDocument, limits: FrameLimits) -> list[str]:
    several = len(document.modes) > 1
    return [
        f"{formatting.mode_name(mode.mode)}: {line}" if several else line
        for mode in document.modes
        for line in filled(totals(money) for money in mode.money[: limits.currencies])
    ]


def _notes(document: ReportDocument, zone: tzinfo) -> list[str]:
    notes = [_lots_note(document, zone)]
    if document.late and not document.late_orders:
        notes.append(
            f"{formatting.plural(document.late, 'order')} of earlier periods arrived during this one; "
            "the earlier reports did not have them."
        )
    if document.test_orders:
        notes.append(f"{formatting.plural(document.test_orders, 'test order')}, in no rate.")
    if document.orders_total > len(document.orders):
        notes.append(
            f"orders.csv holds the latest {formatting.count(len(document.orders))} of "
            f"{formatting.count(document.orders_total)} orders."
        )
    return filled(notes)


def _lots_note(document: ReportDocument, zone: tzinfo) -> str:
    """Return until when results are up to date, where they are not."""
    health = document.health
    if not any(mode.money for mode in document.modes) and not health.lots_behind:
        return ""
    if health.lots_as_of is None:
        return "Results have not been computed yet; the next sweep does."
    if health.lots_behind:
        return (
            f"Results are as of {formatting.day_and_time(health.lots_as_of, zone)}; orders have changed "
            "since, and are in the next report's."
        )
    return ""
