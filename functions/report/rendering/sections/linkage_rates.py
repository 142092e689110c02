"""The three rates of each mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from functions.report.rendering import formatting
from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.section import ReportContext, Section
from functions.report.rendering.verdict import busy_modes
from linkage.contracts.report import ModeRates, Rate


@dataclass(frozen=True, slots=True)
class RateTile:
    """One of the three rates."""

    label: str
    percent: str
    counts: str
    note: str
    good: bool


@dataclass(frozen=True, slots=True)
class LinkageRates:
    """The rates of one mode."""

    mode: str
    tiles: Sequence[RateTile]


def build(context: ReportContext, _limits: SectionLimits) -> Sequence[LinkageRates] | None:
    """Return the rates of every mode that traded; a row of dashes would only look like a table of zeros."""
    modes = busy_modes(context.document)
    return [LinkageRates(context.mode_label(mode), _tiles(mode.rates)) for mode in modes] or None


def _tiles(rates: ModeRates) -> list[RateTile]:
    suppressed = rates.signals_suppressed
    return [
        _tile(
            "Expected orders linked",
            rates.expected,
            f"{formatting.count(rates.pending)} pending, not counted" if rates.pending else "none pending",
            good=not (rates.lost or rates.conflict),
        ),
        _tile("All executed orders linked", rates.executed, "manual orders included"),
        _tile(
            "Signals that became an order",
            rates.signals,
            f"{formatting.count(suppressed)} suppressed, not counted" if suppressed else "of those sent",
        ),
    ]


def _tile(label: str, rate: Rate, note: str, *, good: bool = True) -> RateTile:
    if rate.percent is None:
        return RateTile(label=label, percent=formatting.NOTHING, counts="none to count", note=note, good=good)
    counts = f"{formatting.count(rate.part)} of {formatting.count(rate.whole)}"
    percent = f"{rate.percent.removesuffix('.0')} %"
    return RateTile(label=label, percent=percent, counts=counts, note=note, good=good)


SECTION = Section("linkage_rates", build, SectionLimits())
