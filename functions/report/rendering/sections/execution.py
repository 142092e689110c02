"""Signals and fills: how many signals became fills, and how far those were from their signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from functions.report.rendering import formatting
from functions.report.rendering.figures import Line, filled
from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.section import ReportContext, Section
from linkage.contracts.performance import Execution, Funnel
from linkage.contracts.report import ModeReport


@dataclass(frozen=True, slots=True)
class Limits(SectionLimits):
    """How much of it is shown."""

    guardrails: int = 6


@dataclass(frozen=True, slots=True)
class ModeExecution:
    """The figures of one mode."""

    mode: str
    lines: Sequence[Line]


def build(context: ReportContext, limits: Limits) -> Sequence[ModeExecution] | None:
    """Return the figures by mode, or None where there were neither signals nor fills."""
    modes = [ModeExecution(context.mode_label(mode), _lines(mode, limits)) for mode in context.document.modes]
    return [mode for mode in modes if mode.lines] or None


def _lines(mode: ModeReport, limits: Limits) -> list[Line]:
    fills = [_fills(execution) for execution in mode.executions if execution.orders]
    return [*_funnel(mode.funnel), *_suppressed(mode.funnel, limits), *fills]


def _funnel(funnel: Funnel) -> list[Line]:
    lines = []
    if funnel.sent:
        orders = formatting.plural(funnel.ordered, "order")
        note = f"{orders} placed, {formatting.count(funnel.filled)} filled"
        lines.append(Line("Signals", formatting.count(funnel.sent), note))
    if funnel.missed:
        note = (
            f"{formatting.count(funnel.missed)} of them with a later price, at which each would have made "
            f"{formatting.gain(funnel.missed_return)}"
        )
        lines.append(Line("Not filled", formatting.count(funnel.sent - funnel.filled), note))
    return lines


def _suppressed(funnel: Funnel, limits: Limits) -> list[Line]:
    if not funnel.suppressed:
        return []
    guardrails = sorted(funnel.suppressed.items(), key=lambda guardrail: (-guardrail[1], guardrail[0]))
    shown = [
        f"{formatting.plain(name, 24)} {formatting.count(number)}"
        for name, number in guardrails[: limits.guardrails]
    ]
    more = formatting.more(len(guardrails) - limits.guardrails, "more guardrail")
    total = formatting.count(sum(funnel.suppressed.values()))
    return [Line("Suppressed", total, ", ".join(filled([*shown, more])))]


def _fills(execution: Execution) -> Line:
    notes = []
    if execution.slippage_median is not None and execution.slippage_worst is not None:
        notes.append(
            f"slippage median {formatting.percent(execution.slippage_median, 2)}, "
            f"worst {formatting.percent(execution.slippage_worst, 2)}"
        )
    if execution.delay_median_seconds is not None and execution.delay_worst_seconds is not None:
        notes.append(
            f"signal to fill median {formatting.age(execution.delay_median_seconds)}, "
            f"worst {formatting.age(execution.delay_worst_seconds)}"
        )
    return Line(
        "Buys" if execution.side == "buy" else "Sells",
        formatting.count(execution.orders),
        "; ".join(notes) or "without a signal's price or time to compare with",
    )


SECTION = Section("execution", build, Limits())
