"""What a strategy decides: one decision for a symbol and side, and all of a run with the state after them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from linkage.strategy.state import LastSignal, Side, StrategyState

Breakdown = Mapping[str, Mapping[str, str | int | None]]
"""Evidence: name to decision, value, threshold, weight and contribution; decimals as strings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision for one symbol and side, with its evidence.

    Attributes:
        guardrail: what held it back; None when it is to be sent.
        trigger: the rule that made it, ``score`` unless it has a name of its own.
        fired: names of what spoke for it; breakdown: the evidence, of what did not fire too.
        price: the close, or the limit of a limit order, in the quote currency.
        notional: of an entry, in the quote currency. quantity: of an exit, in the base currency.
        bar_time: start of its bar; decided_at: close of its bar. Aware UTC.
    """

    symbol: str
    side: Side
    price: Decimal
    bar_time: datetime
    decided_at: datetime
    notional: Decimal | None = None
    quantity: Decimal | None = None
    trigger: str = "score"
    buy_score: Decimal = Decimal(0)
    sell_score: Decimal = Decimal(0)
    fired: tuple[str, ...] = ()
    breakdown: Breakdown = field(default_factory=dict)
    order_type: str = "market"
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    guardrail: str | None = None

    @property
    def is_sent(self) -> bool:
        """Tell whether no guardrail held it back."""
        return self.guardrail is None


@dataclass(frozen=True, slots=True)
class Decided:
    """What a run decided.

    Attributes:
        decisions: sorted by symbol; at most one per symbol.
        state: as it is once all decisions without a guardrail are sent.
        seen: how many symbols were computed. skipped: symbol to reason.
    """

    decisions: tuple[Decision, ...]
    state: StrategyState
    seen: int
    skipped: Mapping[str, str]

    @classmethod
    def after(
        cls,
        decisions: Iterable[Decision],
        *,
        state: StrategyState,
        closed: datetime,
        seen: int,
        skipped: Mapping[str, str],
    ) -> Decided:
        """Return these decisions with the state that follows from the state before them."""
        made = tuple(sorted(decisions, key=lambda decision: decision.symbol))
        return cls(made, state.with_signals(sent_signals(made), closed), seen, skipped)


def sent_signals(decisions: Iterable[Decision]) -> dict[str, LastSignal]:
    """Return what the state has to remember of these decisions."""
    return {
        decision.symbol: LastSignal(decision.side, decision.decided_at)
        for decision in decisions
        if decision.is_sent
    }
