"""What to do first: defects, warnings and missing activity, each with its command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from functions.report.rendering import formatting
from functions.report.rendering.advice import Advice
from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.section import ReportContext, Section


@dataclass(frozen=True, slots=True)
class Limits(SectionLimits):
    """How much of it is shown."""

    advice: int = 8


@dataclass(frozen=True, slots=True)
class WhatToDo:
    """What the templates show."""

    advice: Sequence[Advice]
    more: str


def build(context: ReportContext, limits: Limits) -> WhatToDo | None:
    """Return the first things to do, or None where there is nothing."""
    advice = context.verdict.advice
    if not advice:
        return None
    more = formatting.more(len(advice) - limits.advice, "more thing")
    return WhatToDo(advice[: limits.advice], more)


SECTION = Section("what_to_do", build, Limits())
