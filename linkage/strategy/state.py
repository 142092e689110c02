"""What a strategy remembers from run to run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Side = Literal["buy", "sell"]


@dataclass(frozen=True, slots=True)
class LastSignal:
    """The last signal that was sent for a symbol; ``at`` is the close of its bar, aware UTC."""

    side: Side
    at: datetime


@dataclass(frozen=True, slots=True)
class SymbolState:
    """The last signal of a symbol, and the one before it.

    The one before lets a run be repeated: a decision at ``now`` looks only at what was earlier than ``now``.
    """

    last: LastSignal
    previous: LastSignal | None = None


@dataclass(frozen=True, slots=True)
class StrategyState:
    """What one strategy and arm remembers.

    Attributes:
        symbols: by symbol, only those that ever had a signal.
        completed_at: clock of the last run that came to its end, aware UTC.
    """

    symbols: Mapping[str, SymbolState] = field(default_factory=dict)
    completed_at: datetime | None = None

    def before(self, symbol: str, now: datetime) -> LastSignal | None:
        """Return the symbol's last signal before ``now``."""
        known = self.symbols.get(symbol)
        if known is None:
            return None
        return known.last if known.last.at < now else known.previous

    def with_signals(self, signals: Mapping[str, LastSignal], completed_at: datetime | None) -> StrategyState:
        """Return the state after these signals, by symbol. Adding them again changes nothing."""
        symbols = dict(self.symbols)
        for symbol, signal in signals.items():
            symbols[symbol] = SymbolState(signal, self.before(symbol, signal.at))
        return StrategyState(symbols, completed_at or self.completed_at)


def state_after(
    before: StrategyState, arms: Iterable[StrategyState], closed: datetime, refused: Collection[str]
) -> StrategyState:
    """Return the state after a run of all arms; symbols whose signal was refused had none.

    Args:
        before: the state that they share.
        arms: the state after each; no two arms decide on one symbol.
        closed: when the bar ended, aware UTC.
        refused: symbols.
    """
    symbols = dict(before.symbols)
    for arm in arms:
        symbols |= {name: known for name, known in arm.symbols.items() if known != before.symbols.get(name)}
    unchanged = {name: known for name, known in before.symbols.items() if name in refused}
    return StrategyState(
        {name: known for name, known in symbols.items() if name not in refused} | unchanged, closed
    )
