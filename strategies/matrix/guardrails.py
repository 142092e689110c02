"""What holds a decision back, in order; the first that objects names the suppressed signal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from linkage.strategy.state import LastSignal, Side
from strategies.matrix.parameters import Parameters

LINKAGE_BUDGET = "linkage_budget"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A decision that may still be held back.

    Attributes:
        strength: how far it is beyond what it needs: its score ÷ target, or for the momentum rule its rate
            ÷ threshold. One is just enough.
        fired: names of the indicators that fired on its side.
    """

    symbol: str
    side: Side
    trigger: Literal["score", "roc_momo"]
    strength: Decimal
    fired: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """What the guardrails look at besides the candidate."""

    parameters: Parameters
    now: datetime
    last: LastSignal | None = None
    spreads: Mapping[str, float] = field(default_factory=dict)

    def flips(self, candidate: Candidate) -> bool:
        """Tell whether the candidate is on the other side than the last signal."""
        return self.last is not None and self.last.side != candidate.side


def insufficient_indicators(candidate: Candidate, context: Context) -> bool:
    """Fewer indicators fired on its side than a signal needs."""
    return len(candidate.fired) < context.parameters.min_indicators


def hysteresis(candidate: Candidate, context: Context) -> bool:
    """It flips the side without being stronger by the margin."""
    return context.flips(candidate) and candidate.strength < 1 + context.parameters.hysteresis


def cooldown(candidate: Candidate, context: Context) -> bool:
    """It flips the side too soon after the last signal; counted in time, so gaps do not stretch it."""
    if context.last is None or not context.flips(candidate):
        return False
    bars = context.parameters.cooldown_bars
    return context.now - context.last.at < timedelta(seconds=bars * context.parameters.interval_seconds)


def excluded_symbol(candidate: Candidate, context: Context) -> bool:
    """Its symbol is never traded."""
    return candidate.symbol in context.parameters.exclusions


def spread(candidate: Candidate, context: Context) -> bool:
    """The market says that bid and ask are too far apart; where it says nothing, this says nothing."""
    return context.spreads.get(candidate.symbol, 0.0) > context.parameters.max_spread


GUARDRAILS: tuple[tuple[str, Callable[[Candidate, Context], bool]], ...] = (
    ("insufficient_indicators", insufficient_indicators),
    ("hysteresis", hysteresis),
    ("cooldown", cooldown),
    ("excluded_symbol", excluded_symbol),
    ("spread", spread),
)
"""In order; ``linkage_budget`` comes after them, because it compares candidates with each other."""


def first_objection(candidate: Candidate, context: Context) -> str | None:
    """Return the name of the first guardrail that objects."""
    return next((name for name, objects in GUARDRAILS if objects(candidate, context)), None)


def over_budget(candidates: list[Candidate], limit: int) -> frozenset[str]:
    """Return the symbols beyond the budget of one run; the strongest have the right of way."""
    ranked = sorted(candidates, key=lambda candidate: (-candidate.strength, candidate.symbol))
    return frozenset(candidate.symbol for candidate in ranked[limit:])
