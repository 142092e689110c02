"""What each parameter set traded: value and fees, not profit or loss."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from functions.report.rendering import formatting
from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.naming import SnapshotName
from functions.report.rendering.section import ReportContext, Section
from linkage.contracts.report import ModeReport, SnapshotActivity


@dataclass(frozen=True, slots=True)
class Limits(SectionLimits):
    """How much of it is shown."""

    sets: int = 12


@dataclass(frozen=True, slots=True)
class SetLine:
    """One parameter set: what it traded."""

    name: SnapshotName
    orders: str
    sides: str
    bought: Sequence[str]
    sold: Sequence[str]
    fees: Sequence[str]
    note: str


@dataclass(frozen=True, slots=True)
class ModeSets:
    """The parameter sets of one mode."""

    mode: str
    sets: Sequence[SetLine]
    more: str


def build(context: ReportContext, limits: Limits) -> Sequence[ModeSets] | None:
    """Return the busiest sets by mode, or None where none traded."""
    return [_mode(mode, context, limits) for mode in context.document.modes if mode.snapshots] or None


def _mode(mode: ModeReport, context: ReportContext, limits: Limits) -> ModeSets:
    busiest = sorted(mode.snapshots, key=lambda activity: (-_orders(activity), str(activity.snapshot_id)))
    # With more sets than a report can carry, only the ledger has them all.
    file = "parameter_sets.csv" if mode.snapshots_total <= len(busiest) else "the ledger"
    hidden = max(mode.snapshots_total, len(busiest)) - limits.sets
    return ModeSets(
        mode=context.mode_label(mode),
        sets=[_set(activity, context) for activity in busiest[: limits.sets]],
        more=formatting.more(hidden, "more set", file=file),
    )


def _orders(activity: SnapshotActivity) -> int:
    return activity.buys + activity.sells


def _set(activity: SnapshotActivity, context: ReportContext) -> SetLine:
    turnover, unpriced = activity.turnover, activity.unpriced
    return SetLine(
        name=context.names.of(activity.snapshot_id),
        orders=formatting.count(_orders(activity)),
        sides=f"{formatting.plural(activity.buys, 'buy')}, {formatting.plural(activity.sells, 'sell')}",
        bought=_amounts((currency.bought, currency.currency) for currency in turnover),
        sold=_amounts((currency.sold, currency.currency) for currency in turnover),
        fees=_amounts((currency.fees, currency.currency) for currency in turnover),
        note=f"{formatting.plural(unpriced, 'order')} without a value" if unpriced else "",
    )


def _amounts(amounts: Iterable[tuple[Decimal, str]]) -> list[str]:
    shown = [
        f"{formatting.money(value)} {formatting.plain(currency, 12)}" for value, currency in amounts if value
    ]
    return shown or [formatting.NOTHING]


SECTION = Section("parameter_sets", build, Limits())
