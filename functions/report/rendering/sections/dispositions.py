"""Executed orders by disposition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from functions.report.rendering import formatting
from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.section import ReportContext, Section
from linkage.contracts.report import DEFECTS, DispositionCount


@dataclass(frozen=True, slots=True)
class Bar:
    """One disposition: its count, and a bar in per cent of the largest."""

    name: str
    orders: str
    width: int
    note: str
    defect: bool


@dataclass(frozen=True, slots=True)
class ModeDispositions:
    """The dispositions of one mode."""

    mode: str
    bars: Sequence[Bar]


def build(context: ReportContext, _limits: SectionLimits) -> Sequence[ModeDispositions] | None:
    """Return the dispositions by mode, or None where no order was executed."""
    return [
        ModeDispositions(context.mode_label(mode), _bars(mode.dispositions))
        for mode in context.document.modes
        if mode.dispositions
    ] or None


def _bars(dispositions: Sequence[DispositionCount]) -> list[Bar]:
    totals: Counter[str] = Counter()
    for counted in dispositions:
        totals[counted.disposition] += counted.orders
    largest = max(totals.values())
    return [
        Bar(
            name=name.replace("_", " "),
            orders=formatting.count(totals[name]),
            width=max(1, round(100 * totals[name] / largest)),
            note=note,
            defect=name in DEFECTS,
        )
        for name, note in formatting.DISPOSITIONS.items()
        if name in totals
    ]


SECTION = Section("dispositions", build, SectionLimits())
