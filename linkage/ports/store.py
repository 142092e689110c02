"""The hot store of signals, snapshots and runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from linkage.domain.facts import SignalKey

PutOutcome = Literal["stored", "repeated", "conflict"]
ForwardState = Literal["leased", "running", "open", "forwarded", "refused", "gone"]


@dataclass(frozen=True, slots=True)
class ForwardStatus:
    """What is known of a signal's way to the receiver behind us.

    Attributes:
        state: ``leased``: the caller has the lease now, and nobody else may forward. ``running``: somebody
            else has it. ``open``: nobody has it, and no outcome is known. ``forwarded``, ``refused``: final.
            ``gone``: there is no such signal.
        until: when the lease of ``leased`` and ``running`` ends; aware UTC.
        status_code: what the receiver of ``refused`` answered.
    """

    state: ForwardState
    until: datetime | None = None
    status_code: int = 0


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

    def lease_forward(self, key: SignalKey, *, owner: str, until: datetime) -> ForwardStatus:
        """Take the lease of a signal's forward, if its outcome is open and nobody has it.

        Args:
            owner: a token of this one attempt to forward.
            until: when the lease ends by itself; aware UTC.
        """
        ...

    def forward_status(self, key: SignalKey) -> ForwardStatus:
        """Return what is known of a signal's forward, read consistently; never ``leased``."""
        ...

    def settle_forward(self, key: SignalKey, *, owner: str, at: datetime, refused: int | None = None) -> bool:
        """Record a forward's outcome; False when the lease is not the owner's any more, and nothing changed.

        Args:
            owner: the token that took the lease.
            at: when the receiver answered; aware UTC.
            refused: the status of a final refusal; None when the receiver took the post.
        """
        ...

    def release_forward(self, key: SignalKey, *, owner: str) -> None:
        """Give a lease back without an outcome: the receiver certainly did not take the post."""
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
