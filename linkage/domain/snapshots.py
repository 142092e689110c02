"""Snapshots: one complete set of effective parameters, addressed by its content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from linkage.domain.canonical import canonical_json, iso_utc, sha256_hex
from linkage.domain.ids import RunId, SnapshotId

SNAPSHOT_NAMESPACE = UUID("6f1b6a3e-6d1c-5b0e-9a54-4f0c4e6b2a11")
RUN_NAMESPACE = UUID("b9a4d1c0-7c7a-5d55-8f0e-93d1d4f6c702")

MAIN_ARM = "main"
"""The arm of a strategy that has only one."""

_NOT_GROUPED = ("code_version", "exclusions")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One complete set of effective parameters.

    Attributes:
        snapshot_id: UUIDv5 over the canonical JSON of ``parameters``.
        config_hash: SHA-256 of the same canonical JSON.
        params_hash: SHA-256 of it without ``code_version`` and ``exclusions``, for grouping.
        parameters: everything that can change a decision, with ``strategy`` and ``code_version``.
        label: what a person calls it; not part of the identity.
    """

    snapshot_id: SnapshotId
    config_hash: str
    params_hash: str
    strategy: str
    code_version: str | None
    parameters: Mapping[str, object]
    label: str | None = None


def make_snapshot(parameters: Mapping[str, object], label: str | None = None) -> Snapshot:
    """Return the snapshot of a parameter set; equal meaning gives an equal ``snapshot_id``."""
    text = canonical_json(parameters)
    grouped = canonical_json({name: value for name, value in parameters.items() if name not in _NOT_GROUPED})
    version = parameters.get("code_version")
    return Snapshot(
        snapshot_id=SnapshotId(uuid5(SNAPSHOT_NAMESPACE, text)),
        config_hash=sha256_hex(text),
        params_hash=sha256_hex(grouped),
        strategy=str(parameters.get("strategy", "")),
        code_version=None if version is None else str(version),
        parameters=parameters,
        label=label,
    )


def make_run_id(strategy: str, scheduled_time: datetime, arm: str = MAIN_ARM) -> RunId:
    """Return the id of a run, or of an arm's part in it: the same for a schedule that fires twice."""
    parts = [strategy, iso_utc(scheduled_time)]
    if arm != MAIN_ARM:
        parts.append(arm)
    return RunId(uuid5(RUN_NAMESPACE, "\x1f".join(parts)))
