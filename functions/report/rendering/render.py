"""The report as a mail: HTML and text from the same sections, and the CSV files beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from functions.report.rendering import formatting
from functions.report.rendering.advice import Advice
from functions.report.rendering.charts import pnl_chart
from functions.report.rendering.csv_files import csv_files
from functions.report.rendering.frame import Frame, FrameLimits, frame_of
from functions.report.rendering.memory import Memory, advance, read_memory, state_of
from functions.report.rendering.naming import SnapshotNames
from functions.report.rendering.section import Chart, ReportContext
from functions.report.rendering.sections import SECTIONS, results
from functions.report.rendering.verdict import Level, Verdict, judge
from linkage.contracts.report import ReportDocument
from linkage.runtime.dependencies import once

HERE = Path(__file__).parent
MAX_HTML_BYTES = 90_000
"""Mail programs cut off what is longer, with what came last in it."""

_DIVISORS = (1, 2, 4, 8, 16)
"""Of the sections' limits, one after the other until the mail is short enough."""


@dataclass(frozen=True)
class RenderedReport:
    """A report, ready to be mailed or saved.

    Attributes:
        level: ``act``, ``look``, ``ok`` or ``quiet``.
        csv: file names to their text.
        memory: for the next report of this name; None where none was given.
        all_clear: whether what was wrong in the last report of this name is over, all of it.
    """

    level: Level
    subject: str
    html: str
    text: str
    csv: Mapping[str, str]
    memory: str | None = None
    all_clear: bool = False
    draw: Callable[[], Mapping[str, bytes]] = dict

    @cached_property
    def images(self) -> Mapping[str, bytes]:
        """PNG pictures that the HTML shows, by their Content-ID; drawn when somebody wants them."""
        return self.draw()


def render(
    document: ReportDocument,
    *,
    stage: str,
    zone: tzinfo = UTC,
    subject: str | None = None,
    dead_letters: int = 0,
    remembers: bool = False,
    remembered: str | None = None,
) -> RenderedReport:
    """Return the report in all its forms.

    Args:
        document: what ``read_ledger`` answered.
        stage: shown where it is not prod.
        zone: of the times in the mail; the CSV files are in UTC.
        subject: instead of the one that says how things are.
        dead_letters: messages in the dead-letter queue of fills.
        remembers: whether this report is one of a series, and says what is new since the last.
        remembered: the memory of the one before.
    """
    verdict = judge(document, stage=stage, zone=zone, dead_letters=dead_letters)
    memory = _memory(document, verdict, remembered) if remembers else None
    if memory is not None:
        verdict = replace(verdict, advice=_with_state(verdict.advice, memory, document.period.end))
    # An older period than the last one that was reported has no report before it that anybody knows.
    known = memory if memory is not None and memory.end == document.period.end else None
    context = ReportContext(
        document=document, verdict=verdict, zone=zone, names=SnapshotNames(document), memory=known
    )
    title = formatting.plain(subject, 200) if subject else verdict.subject
    content = _fitting(context, title=title, stage=stage)
    return RenderedReport(
        level=verdict.level,
        subject=title,
        html=_page(content, html=True),
        text=_EMPTY_LINES.sub("\n\n", _page(content, html=False)).strip() + "\n",
        csv=csv_files(document),
        memory=None if memory is None else memory.model_dump_json(),
        all_clear=known is not None and bool(known.cleared) and not verdict.advice,
        draw=lambda: {
            chart.cid: pnl_chart(chart.curve, until=document.period.end, currency=chart.currency, zone=zone)
            for chart in content.charts
        },
    )


def _memory(document: ReportDocument, verdict: Verdict, remembered: str | None) -> Memory:
    rates = {mode.mode: mode.rates.expected.percent for mode in document.modes}
    return advance(
        read_memory(remembered),
        advice=verdict.advice,
        rates={mode: percent for mode, percent in rates.items() if percent is not None},
        end=document.period.end,
    )


def _with_state(advice: Sequence[Advice], memory: Memory, end: datetime) -> list[Advice]:
    known = memory.warnings
    return [
        replace(warning, state=state_of(known[warning.key].since, end)) if warning.key in known else warning
        for warning in advice
    ]


@dataclass(frozen=True, slots=True)
class _Content:
    """What a report shows: its frame, and what each section that has something to say returned."""

    frame: Frame
    sections: Sequence[tuple[str, object]]
    charts: Sequence[Chart]


def _content(context: ReportContext, *, title: str, stage: str, divisor: int) -> _Content:
    built = [(section, section.build(context, section.limits.divided(divisor))) for section in SECTIONS]
    shown = [(section, view) for section, view in built if view is not None]
    names = [section.name for section, _ in shown]
    limits = FrameLimits().divided(divisor)
    return _Content(
        frame=frame_of(context, limits, title=title, stage=stage, has_results=results.SECTION.name in names),
        sections=[(section.name, view) for section, view in shown],
        charts=[chart for section, view in shown for chart in section.charts(view)],
    )


def _fitting(context: ReportContext, *, title: str, stage: str) -> _Content:
    """Return as much content as a mail program shows without cutting the mail off."""
    for divisor in _DIVISORS:
        content = _content(context, title=title, stage=stage, divisor=divisor)
        if len(_page(content, html=True).encode()) <= MAX_HTML_BYTES:
            break
    return content


def _page(content: _Content, *, html: bool) -> str:
    environment, suffix = _environment(html=html), "html.j2" if html else "txt.j2"
    rendered = [
        environment.get_template(f"{name}.{suffix}").render(section=view, report=content.frame)
        for name, view in content.sections
    ]
    sections = [Markup(part) for part in rendered] if html else rendered  # noqa: S704 - our own templates
    return environment.get_template(f"report.{suffix}").render(report=content.frame, sections=sections)


@once
def _environment(*, html: bool) -> Environment:
    # The text part is no markup, and escaping it would show entities to the reader.
    return Environment(
        loader=FileSystemLoader([HERE / "templates", HERE / "sections"]),
        autoescape=html,  # noqa: S701 - on for the HTML part
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_unbroken_percent if html else None,
    )


def _unbroken_percent(value: object) -> object:
    """Keep a figure and its per cent sign on one line; what is markup already stays as it is."""
    return _BEFORE_PERCENT.sub("\u00a0", value) if type(value) is str else value


_EMPTY_LINES = re.compile(r"\n{3,}")
_BEFORE_PERCENT = re.compile(r"(?<=[0-9]) (?=%)")
