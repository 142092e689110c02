"""Names of parameter sets that a person recognises: a label, else what sets them apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from functions.report.rendering.formatting import plain
from linkage.contracts.report import ReportDocument

MAX_DIFFERENCES = 3
_NOT_PARAMETERS = ("strategy",)


@dataclass(frozen=True, slots=True)
class SnapshotName:
    """What to call a parameter set: one line, and a second one of detail that may be empty."""

    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Described:
    """What is known of a snapshot."""

    snapshot_id: UUID
    label: str | None = None
    strategy: str | None = None
    parameters: Mapping[str, Any] | None = None
    flat: Mapping[str, str] = field(default_factory=dict)


class SnapshotNames:
    """What to call the parameter sets of one report."""

    def __init__(self, document: ReportDocument) -> None:
        self._names = name_snapshots(_described(document))

    def of(self, snapshot_id: UUID, label: str | None = None) -> SnapshotName:
        """Return the name of a set; of one that the report does not describe, its label or its id."""
        known = self._names.get(snapshot_id)
        return known or SnapshotName(plain(label) if label else _id_name(snapshot_id))


def _described(document: ReportDocument) -> list[Described]:
    """Return what a report knows of each set: what describes it best comes last, and stands."""
    known: dict[UUID, Described] = {}
    for change in document.changes:
        known[change.snapshot_id] = Described(change.snapshot_id, change.label, change.strategy)
        if change.before is not None:
            known.setdefault(change.before, Described(change.before, change.before_label, change.strategy))
    for mode in document.modes:
        for comparison in mode.comparisons:
            for side in (comparison.one, comparison.reference):
                known[side.snapshot_id] = Described(side.snapshot_id, side.label, side.strategy)
    for order in [*document.unlinked, *document.linked]:
        if order.snapshot_id is not None:
            known.setdefault(order.snapshot_id, Described(order.snapshot_id, order.snapshot_label))
    for mode in document.modes:
        for snapshot in mode.snapshots:
            known[snapshot.snapshot_id] = Described(
                snapshot.snapshot_id, snapshot.label, snapshot.strategy, snapshot.parameters
            )
    return list(known.values())


def name_snapshots(snapshots: Iterable[Described]) -> dict[UUID, SnapshotName]:
    """Return a name for each snapshot.

    Snapshots of one strategy without labels are named by the parameters in which they differ. The
    id's first digits are the last resort, for those of which nothing else is known.
    """
    described = [replace(snapshot, flat=flatten(snapshot.parameters or {})) for snapshot in snapshots]
    return {snapshot.snapshot_id: _name(snapshot, described) for snapshot in described}


def _name(snapshot: Described, described: Sequence[Described]) -> SnapshotName:
    siblings = [other for other in described if other.strategy == snapshot.strategy and other.flat]
    differences = _differences(snapshot, siblings)
    strategy = plain(snapshot.strategy) if snapshot.strategy else ""
    if snapshot.label:
        return SnapshotName(plain(snapshot.label), " · ".join(filter(None, [strategy, differences])))
    if snapshot.flat:
        return SnapshotName(strategy or "parameters", differences or _id_name(snapshot.snapshot_id))
    return SnapshotName(_id_name(snapshot.snapshot_id), strategy or "not described yet")


def _id_name(snapshot_id: UUID) -> str:
    return f"set {str(snapshot_id)[:8]}"


def flatten(value: object, path: str = "") -> dict[str, str]:
    """Return nested parameters as dotted names with their values as text."""
    if isinstance(value, Mapping):
        result: dict[str, str] = {}
        for name, item in value.items():
            result.update(flatten(item, f"{path}.{name}" if path else str(name)))
        return result
    if isinstance(value, (list, tuple)):
        return {path: ", ".join(str(item) for item in value)}
    return {path: str(value)}


def _differences(snapshot: Described, siblings: Sequence[Described]) -> str:
    """Return ``rsi.oversold 30, exit.score 2``: the parameters that the siblings do not share."""
    names = sorted({name for sibling in siblings for name in sibling.flat} - set(_NOT_PARAMETERS))
    differing = [name for name in names if len({sibling.flat.get(name) for sibling in siblings}) > 1]
    # The code's hash says that two versions differ, and nothing about what they do: the last thing to show.
    differing.sort(key=lambda name: name == "code_version")
    shown = [
        f"{plain(name)} {plain(snapshot.flat.get(name, 'none'), 16)}" for name in differing[:MAX_DIFFERENCES]
    ]
    hidden = len(differing) - len(shown)
    return ", ".join(shown) + (f" and {hidden} more" if hidden > 0 else "")
