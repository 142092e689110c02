"""Parameter sets compared: the verdict, both records, and how much of the difference should persist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from functions.report.rendering import formatting
from functions.report.rendering.figures import phrases
from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.naming import SnapshotName
from functions.report.rendering.section import ReportContext, Section
from linkage.contracts.performance import INSUFFICIENT_DATA, ComparisonRow, Range
from linkage.contracts.report import ModeReport


@dataclass(frozen=True, slots=True)
class Limits(SectionLimits):
    """How much of it is shown; phrases are of one comparison."""

    comparisons: int = 5
    phrases: int = 6


@dataclass(frozen=True, slots=True)
class Pair:
    """One figure of two parameter sets."""

    label: str
    one: str
    reference: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One parameter set compared with another; ``decided`` where the verdict is better or worse."""

    one: str
    reference: str
    verdict: str
    decided: bool
    reason: str
    records: Sequence[Pair]
    difference: str
    changes: str


@dataclass(frozen=True, slots=True)
class ModeComparisons:
    """The comparisons of one mode."""

    mode: str
    comparisons: Sequence[Comparison]
    more: str
    trials: str


def build(context: ReportContext, limits: Limits) -> Sequence[ModeComparisons] | None:
    """Return the comparisons by mode; None where no verdict was asked for, or there is nothing to compare."""
    return [_mode(mode, context, limits) for mode in context.document.modes if mode.comparisons] or None


def _mode(mode: ModeReport, context: ReportContext, limits: Limits) -> ModeComparisons:
    rows, trials = mode.comparisons, context.document.trials
    return ModeComparisons(
        mode=context.mode_label(mode),
        comparisons=[_comparison(row, context, limits) for row in rows[: limits.comparisons]],
        more=formatting.more(len(rows) - limits.comparisons, "more comparison"),
        trials="" if trials is None else formatting.plural(trials, "parameter set"),
    )


def _comparison(row: ComparisonRow, context: ReportContext, limits: Limits) -> Comparison:
    sides = (row.one, row.reference)
    one, reference = _distinct_names(*(context.names.of(side.snapshot_id, side.label) for side in sides))
    records = [side.record for side in sides]
    verdict = formatting.plain(row.verdict_text, 80)
    return Comparison(
        one=one,
        reference=reference,
        verdict=verdict[:1].upper() + verdict[1:],
        decided=row.verdict in ("better", "worse"),
        reason=formatting.plain(row.reason, 200),
        records=[
            Pair("Episodes", formatting.count(row.n), formatting.count(row.n_reference)),
            Pair("Won", *(formatting.percent(record.win_rate) for record in records)),
            Pair("Net P&L", *(formatting.signed(record.net_pnl, record.currency) for record in records)),
            Pair("Per trade", *(formatting.gain(record.unit_return) for record in records)),
            Pair("The market", *(formatting.gain(side.market_return, 1) for side in sides)),
        ],
        difference=_difference(row),
        changes=phrases(row.changes, limits.phrases),
    )


def _distinct_names(one: SnapshotName, reference: SnapshotName) -> tuple[str, str]:
    """Return the names of two sets; of two without a label, what is different about each."""
    if one.name != reference.name:
        return one.name, reference.name
    return one.detail or one.name, reference.detail or reference.name


def _difference(row: ComparisonRow) -> str:
    """Return by how much the first was better per trade, and how much of that should persist."""
    sentences = []
    if row.difference is not None:
        sentences.append(f"Difference per trade: {formatting.gain(row.difference)}{_range(row.interval)}.")
    # Few episodes are few clusters, and how far those are from each other says little of how sure one can be.
    enough = all(side.record.standing != INSUFFICIENT_DATA for side in (row.one, row.reference))
    if row.shrunken is not None and enough:
        left = f"{formatting.gain(row.shrunken)}{_range(row.shrunken_interval)}"
        sentences.append(f"Expected to persist: {left}.")
    return " ".join(sentences)


def _range(interval: Range | None) -> str:
    return f" ({formatting.gain(interval.low)} to {formatting.gain(interval.high)})" if interval else ""


SECTION = Section("comparisons", build, Limits())
