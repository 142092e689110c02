"""What the strategy's host saves between two runs; the body of a ``state`` item."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from linkage.contracts.types import Name, Side, UtcTime, Wire


class StoredSignalState(Wire):
    """The last signal of a symbol, or the one before."""

    side: Side
    at: UtcTime


class StoredSymbolState(Wire):
    """What is remembered of one symbol."""

    last: StoredSignalState
    previous: StoredSignalState | None = None


class RunState(Wire):
    """What one strategy remembers from run to run, all of its arms together.

    Attributes:
        completed_at: clock of the last run that came to its end.
        attempted_at: clock of the last run that was begun.
        document: the last parameter document that was valid, the one with which that run began; a later bad
            one does not displace it.
        snapshot_id: the last published snapshot of the arm ``main``; arm_snapshots: of the others.
    """

    symbols: dict[Name, StoredSymbolState] = Field(default_factory=dict)
    completed_at: UtcTime | None = None
    attempted_at: UtcTime | None = None
    document: str | None = None
    snapshot_id: UUID | None = None
    arm_snapshots: dict[Name, UUID] = Field(default_factory=dict)

    @property
    def published(self) -> frozenset[UUID]:
        """Every snapshot that the last run had, so that it is not published again."""
        every = (self.snapshot_id, *self.arm_snapshots.values())
        return frozenset(snapshot_id for snapshot_id in every if snapshot_id is not None)
