"""The hot store of signals, snapshots and runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from linkage.domain.facts import SignalKey

PutOutcome = Literal["stored", "repeated", "conflict"]


@dataclass(frozen=True, slots=True)
class HotItem:
    """An item of the hot store. ``body`` is the fact as JSON text."""

    kind: Literal["signal", "snapshot", "run", "bot", "switch"]
    body: str
    received_at: datetime


class SignalStore(Protocol):
    """The hot store of signals. Items that have expired count as absent, present or not.

    Every method raises ``StoreUnavailableError`` when the store is throttled, unreachable or too slow.
    """

    def put_signal(
        self, key: SignalKey, *, fact: str, meaning: str, disposition: str, received_at: datetime
    ) -> PutOutcome:
        """Store a signal under its key unless it is there.

        Returns:
            ``stored``; ``repeated`` when the key is there with the same meaning; ``conflict`` when it is
            there with another one. Nothing is changed in the last two cases.
        """
        ...

    def get_signals(self, keys: Sequence[SignalKey]) -> Mapping[SignalKey, str]:
        """Return the facts of those signals that are there, read consistently."""
        ...

    def claim_forward(self, key: SignalKey) -> bool:
        """Return whether the signal has still to be forwarded."""
        ...

    def mark_forwarded(self, key: SignalKey, *, at: datetime) -> None:
        """Remember that the signal was forwarded."""
        ...

    def put_snapshot(self, snapshot_id: str, config_hash: str, *, fact: str, received_at: datetime) -> bool:
        """Store a snapshot's description; False when it was there already."""
        ...

    def put_run(self, run_id: str, *, fact: str, received_at: datetime) -> bool:
        """Store a run's record; False when that run was there already."""
        ...

    def recent(self, hours: Sequence[str]) -> Iterable[HotItem]:
        """Yield the signals, snapshots and runs received in these hours (``2026-11-22T18``, UTC).

        The bots and the switch are yielded as they are now, whenever they were written.
        """
        ...
