"""What the strategy's host keeps between two runs; the body of a ``state`` item."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from pydantic import Field

from linkage.contracts.types import Name, UtcTime, Wire
from linkage.domain.snapshots import MAIN_ARM
from linkage.strategy.state import LastSignal, Side, StrategyState, SymbolState


class KeptSignal(Wire):
    """The last signal of a symbol, or the one before."""

    side: Side
    at: UtcTime

    @classmethod
    def of(cls, signal: LastSignal) -> KeptSignal:
        """Return a signal as it is kept."""
        return cls(side=signal.side, at=signal.at)

    def signal(self) -> LastSignal:
        """Return the signal that was kept."""
        return LastSignal(self.side, self.at)


class KeptSymbol(Wire):
    """What is remembered of one symbol."""

    last: KeptSignal
    previous: KeptSignal | None = None


class RunState(Wire):
    """What one strategy remembers from run to run, all of its arms together.

    Attributes:
        completed_at: clock of the last run that came to its end.
        attempted_at: clock of the last run that was begun.
        document: the last parameter document that was valid, the one with which that run began; a later bad
            one does not displace it.
        snapshot_id: the last published snapshot of the arm ``main``; arm_snapshots: of the others.
    """

    symbols: dict[Name, KeptSymbol] = Field(default_factory=dict)
    completed_at: UtcTime | None = None
    attempted_at: UtcTime | None = None
    document: str | None = None
    snapshot_id: UUID | None = None
    arm_snapshots: dict[Name, UUID] = Field(default_factory=dict)

    @property
    def published(self) -> frozenset[UUID]:
        """Every snapshot that the last run had, so that it is not published again."""
        every = (self.snapshot_id, *self.arm_snapshots.values())
        return frozenset(one for one in every if one is not None)

    def strategy_state(self) -> StrategyState:
        """Return the part that the strategy itself looks at."""
        return StrategyState(
            {
                symbol: SymbolState(kept.last.signal(), kept.previous.signal() if kept.previous else None)
                for symbol, kept in self.symbols.items()
            },
            self.completed_at,
        )

    @classmethod
    def of(
        cls,
        state: StrategyState,
        *,
        attempted_at: datetime,
        document: str | None,
        snapshots: Mapping[str, UUID],
    ) -> RunState:
        """Return what is kept after a run; ``snapshots`` by arm."""
        symbols = {
            symbol: KeptSymbol(
                last=KeptSignal.of(known.last),
                previous=KeptSignal.of(known.previous) if known.previous else None,
            )
            for symbol, known in sorted(state.symbols.items())
        }
        return cls(
            symbols=symbols,
            completed_at=state.completed_at,
            attempted_at=attempted_at,
            document=document,
            snapshot_id=snapshots.get(MAIN_ARM),
            arm_snapshots={arm: each for arm, each in sorted(snapshots.items()) if arm != MAIN_ARM},
        )
