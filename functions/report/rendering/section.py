"""What a section of the report is, and what each one is made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Generic, TypeVar

from functions.report.rendering import formatting
from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.memory import Memory
from functions.report.rendering.naming import SnapshotNames
from functions.report.rendering.verdict import Verdict
from linkage.contracts.performance import CurvePoint
from linkage.contracts.report import ModeReport, ReportDocument

LimitsT = TypeVar("LimitsT", bound=SectionLimits)


@dataclass(frozen=True, slots=True)
class ReportContext:
    """What a section is built from.

    Attributes:
        document: what ``read_ledger`` answered.
        zone: of the times in the mail.
        names: what to call parameter sets.
        memory: of the report before, and of this one; None where the report remembers nothing.
    """

    document: ReportDocument
    verdict: Verdict
    zone: tzinfo
    names: SnapshotNames
    memory: Memory | None = None

    @property
    def end(self) -> datetime:
        """End of the period."""
        return self.document.period.end

    def mode_label(self, mode: ModeReport) -> str:
        """Return the mode as a heading names it; empty where the reader takes it for granted."""
        expected = len(self.document.modes) == 1 and mode.mode in ("live", "unknown")
        return "" if expected else formatting.mode_name(mode.mode)


@dataclass(frozen=True, slots=True)
class Chart:
    """A P&L curve that a section shows as a picture.

    Attributes:
        cid: its Content-ID, and the stem of its file name.
    """

    cid: str
    curve: Sequence[CurvePoint]
    currency: str


def _no_charts(_view: Any) -> Sequence[Chart]:
    return ()


@dataclass(frozen=True, slots=True)
class Section(Generic[LimitsT]):
    """One section of the report: a row of ``sections.SECTIONS``.

    Attributes:
        name: of its templates, ``<name>.html.j2`` and ``<name>.txt.j2`` beside its module. They see what
            ``build`` returned as ``section``.
        build: returns what the templates show, every figure and time as it is to be read; None when the
            section has nothing to say in this report.
        limits: how much it shows; divided where the mail would be too long.
        charts: returns the pictures of what ``build`` returned.
    """

    name: str
    build: Callable[[ReportContext, LimitsT], object | None]
    limits: LimitsT
    charts: Callable[[Any], Sequence[Chart]] = _no_charts
