"""What a run remembers: read before it, noted when it begins, saved at its end.

It has two forms, the strategy's own and the one that is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from linkage.contracts.state import RunState, StoredSignalState, StoredSymbolState
from linkage.domain.errors import StateChangedError
from linkage.domain.snapshots import MAIN_ARM
from linkage.ports.clock import Clock
from linkage.ports.state import StateStore
from linkage.strategy.state import LastSignal, StrategyState, SymbolState


@dataclass(frozen=True, slots=True)
class Memory:
    """Where one strategy's runs remember."""

    strategy: str
    states: StateStore
    clock: Clock

    def load(self) -> tuple[RunState, int]:
        """Return what is stored and its version."""
        text, version = self.states.load(self.strategy, MAIN_ARM)
        return (RunState.model_validate_json(text) if text else RunState()), version

    def begin(
        self, stored: RunState, version: int, closed: datetime, document: str | None
    ) -> tuple[RunState, int]:
        """Note with which document the run begins, before anything of it is published; return what is stored.

        Who finds the same run begun by another goes on with the other's document: whether that one is at
        work at this instant, or ended before it could say so.
        """
        begun = stored.model_copy(update={"attempted_at": closed, "document": document})
        try:
            self._put(begun, version)
        except StateChangedError:
            theirs, version = self.load()
            if theirs.attempted_at != closed:
                raise
            return theirs, version
        return begun, version + 1

    def save(self, result: RunState, version: int) -> None:
        """Store what a run came to. Of two that are the same run, one that came to its end wins."""
        try:
            self._put(result, version)
        except StateChangedError:
            theirs, version = self.load()
            if theirs.attempted_at != result.attempted_at:
                raise
            if theirs.completed_at != result.completed_at == result.attempted_at:
                self._put(result, version)

    def _put(self, state: RunState, version: int) -> None:
        self.states.save(
            self.strategy,
            MAIN_ARM,
            body=state.model_dump_json(exclude_defaults=True),
            version=version,
            saved_at=self.clock.now(),
        )


def strategy_state(stored: RunState) -> StrategyState:
    """Return the part that the strategy itself looks at."""
    return StrategyState(
        {
            symbol: SymbolState(_signal(known.last), _signal(known.previous) if known.previous else None)
            for symbol, known in stored.symbols.items()
        },
        stored.completed_at,
    )


def state_to_store(
    state: StrategyState, *, attempted_at: datetime, document: str | None, snapshots: Mapping[str, UUID]
) -> RunState:
    """Return what is stored after a run; ``snapshots`` by arm."""
    symbols = {
        symbol: StoredSymbolState(
            last=_stored(known.last), previous=_stored(known.previous) if known.previous else None
        )
        for symbol, known in sorted(state.symbols.items())
    }
    return RunState(
        symbols=symbols,
        completed_at=state.completed_at,
        attempted_at=attempted_at,
        document=document,
        snapshot_id=snapshots.get(MAIN_ARM),
        arm_snapshots={arm: snapshot_id for arm, snapshot_id in sorted(snapshots.items()) if arm != MAIN_ARM},
    )


def _signal(stored: StoredSignalState) -> LastSignal:
    return LastSignal(stored.side, stored.at)


def _stored(signal: LastSignal) -> StoredSignalState:
    return StoredSignalState(side=signal.side, at=signal.at)
