"""What changed: parameter sets that came into force, and linkage rates since the report before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from functions.report.rendering import formatting
from functions.report.rendering.figures import Line, phrases
from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.section import ReportContext, Section
from linkage.contracts.performance import Change


@dataclass(frozen=True, slots=True)
class Limits(SectionLimits):
    """How much of it is shown; phrases are of one change."""

    changes: int = 5
    phrases: int = 6


@dataclass(frozen=True, slots=True)
class Changes:
    """What the templates show."""

    lines: Sequence[Line]
    more: str


def build(context: ReportContext, limits: Limits) -> Changes | None:
    """Return the changes, or None where there is none."""
    changes = context.document.changes
    lines = [_parameter_change(change, context, limits) for change in changes[: limits.changes]]
    lines += _rate_changes(context)
    more = formatting.more(len(changes) - limits.changes, "more change", file="the ledger")
    return Changes(lines, more) if lines else None


def _parameter_change(change: Change, context: ReportContext, limits: Limits) -> Line:
    name = context.names.of(change.snapshot_id, change.label).name
    arm = "" if change.arm == "main" else f", arm {formatting.plain(change.arm, 24)}"
    if change.before is None:
        difference = "the first of its arm"
    elif change.changes is None:
        difference = "what differs is not known: one of the two was never described"
    else:
        difference = phrases(change.changes, limits.phrases) or "nothing differs but its name"
    strategy = formatting.plain(change.strategy, 24)
    # A set without a label is called by its strategy already.
    place = "" if name == strategy else f" {strategy}"
    return Line(f"{formatting.day_and_time(change.at, context.zone)}{place}{arm}", name, difference)


def _rate_changes(context: ReportContext) -> list[Line]:
    if context.memory is None:
        return []
    lines = []
    for mode, percent in context.memory.rates.items():
        before = context.memory.before.get(mode)
        if before is not None and before != percent:
            several = len(context.document.modes) > 1
            name = "Expected orders linked" + (f" ({mode})" if several else "")
            change = f"{before.removesuffix('.0')} % → {percent.removesuffix('.0')} %"
            lines.append(Line("since the last report", name, change))
    return lines


SECTION = Section("changes", build, Limits())
