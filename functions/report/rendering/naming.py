"""Names of parameter sets that a person recognises: a label, else what sets them apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from functions.report.rendering.words import plain

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


def name_snapshots(snapshots: Iterable[Described]) -> dict[UUID, SnapshotName]:
    """Return a name for each snapshot.

    Snapshots of one strategy without labels are told apart by the parameters in which they differ. The
    id's first digits are the last resort, for those of which nothing else is known.
    """
    described = [
        Described(one.snapshot_id, one.label, one.strategy, one.parameters, flatten(one.parameters or {}))
        for one in snapshots
    ]
    names = {}
    for one in described:
        short = str(one.snapshot_id)[:8]
        siblings = [each for each in described if each.strategy == one.strategy and each.flat]
        words = _differences(one, siblings)
        strategy = plain(one.strategy) if one.strategy else ""
        if one.label:
            detail = " · ".join(part for part in (strategy, words) if part)
            names[one.snapshot_id] = SnapshotName(plain(one.label), detail)
        elif one.flat:
            names[one.snapshot_id] = SnapshotName(strategy or "parameters", words or f"set {short}")
        else:
            names[one.snapshot_id] = SnapshotName(f"set {short}", strategy or "not described yet")
    return names


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


def _differences(one: Described, siblings: Sequence[Described]) -> str:
    """Return ``rsi.oversold 30, exit.score 2``: the parameters that the siblings do not share."""
    names = sorted({name for each in siblings for name in each.flat} - set(_NOT_PARAMETERS))
    differing = [name for name in names if len({each.flat.get(name) for each in siblings}) > 1]
    # The code's hash tells two versions apart, and nothing about what they do: the last thing to show.
    differing.sort(key=lambda name: name == "code_version")
    shown = [f"{plain(name)} {plain(one.flat.get(name, 'none'), 16)}" for name in differing[:MAX_DIFFERENCES]]
    more = len(differing) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
