"""What a run remembers, between the strategy's own form and the form in which it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from linkage.contracts.state import KeptSignal, KeptSymbol, RunState
from linkage.domain.snapshots import MAIN_ARM
from linkage.strategy.state import LastSignal, StrategyState, SymbolState


def strategy_state(kept: RunState) -> StrategyState:
    """Return the part that the strategy itself looks at."""
    return StrategyState(
        {
            symbol: SymbolState(_signal(known.last), _signal(known.previous) if known.previous else None)
            for symbol, known in kept.symbols.items()
        },
        kept.completed_at,
    )


def state_to_store(
    state: StrategyState, *, attempted_at: datetime, document: str | None, snapshots: Mapping[str, UUID]
) -> RunState:
    """Return what is stored after a run; ``snapshots`` by arm."""
    symbols = {
        symbol: KeptSymbol(last=_kept(known.last), previous=_kept(known.previous) if known.previous else None)
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


def _signal(kept: KeptSignal) -> LastSignal:
    return LastSignal(kept.side, kept.at)


def _kept(signal: LastSignal) -> KeptSignal:
    return KeptSignal(side=signal.side, at=signal.at)
