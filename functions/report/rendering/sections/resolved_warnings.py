"""What was wrong in the last report of this name, and no longer is."""

from __future__ import annotations

from collections.abc import Sequence

from functions.report.rendering import formatting
from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.section import ReportContext, Section


def build(context: ReportContext, _limits: SectionLimits) -> Sequence[str] | None:
    """Return each warning in a few words, or None where there is none."""
    if context.memory is None or not context.memory.cleared:
        return None
    return [formatting.plain(warning.brief, 80) for warning in context.memory.cleared]


SECTION = Section("resolved_warnings", build, SectionLimits())
