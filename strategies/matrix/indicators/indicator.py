"""What an indicator is: one object, from which everything else that knows of it derives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, NamedTuple, TypeVar

from linkage.strategy.arrays import Flags, Floats
from strategies.matrix.indicators.studies import Studies, StudyParameters

P = TypeVar("P", bound=StudyParameters)


class Outcome(NamedTuple):
    """What one side says of every symbol at the last bar: its decision, and what was compared with what."""

    fires: Flags
    value: Floats
    threshold: Floats | float


class Measured(NamedTuple):
    """Both sides at the last bar; ``known`` says for which symbols the bars were enough to say so."""

    known: Flags
    buy: Outcome
    sell: Outcome


@dataclass(frozen=True, slots=True)
class Side:
    """One side of an indicator.

    Attributes:
        name: in the evidence of a signal.
        fires_when: for people, in Markdown.
    """

    name: str
    fires_when: str


def last_bar(_parameters: StudyParameters) -> int:
    """Return the depth of an indicator that reads the last bar of each study."""
    return 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator(Generic[P]):
    """One indicator.

    Attributes:
        name: of its weight, ``weights.<name>``.
        weight: what it adds to the score of the side on which it fires, unless a document says otherwise.
        source: where its definition is published.
        parameters: model of what it reads: its own fields, and those of the studies.
        ascending: pairs of fields of which the first must be less than the second.
        warmup_bars: the least number of bars from which both sides are known.
        depth: how many of the last bars of the studies it reads.
        compute: both sides at the last bar, from bars that may be fewer than the warm-up. Only element-wise
            operations, so that no symbol has a part in what another one gets.
    """

    name: str
    buy: Side
    sell: Side
    weight: Decimal
    source: str
    parameters: type[P]
    warmup_bars: Callable[[P], int]
    compute: Callable[[Studies, P], Measured]
    depth: Callable[[P], int] = last_bar
    ascending: tuple[tuple[str, str], ...] = ()
