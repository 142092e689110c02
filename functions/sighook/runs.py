"""A run: whose it is, and what it came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from linkage.domain.ids import ClientOrderId, RunId
from linkage.domain.snapshots import MAIN_ARM, Snapshot
from linkage.strategy.decisions import Decision
from linkage.strategy.plugin import Strategy


@dataclass(frozen=True, slots=True)
class Deployment:
    """Whose run it is.

    Attributes:
        name: the stage; a part of every key, so that two deployments never collide.
        strategy: what decides; a run knows it by this interface only.
        symbols: as in ``parse_universe``; where it is no list, the market says which they are.
        replay: a run may be late.
    """

    name: str
    venue: str
    account: str
    strategy: Strategy[Any]
    symbols: str = "*"
    replay: bool = False
    max_suppressed_per_run: int = 50


@dataclass(frozen=True, slots=True)
class InvalidParameters:
    """The operator's document is wrong, and the last good one stays in force."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of one signal.

    Attributes:
        reason: why it was not delivered, or refused.
        difference: of a conflict, name to what is stored and what was posted.
    """

    client_order_id: ClientOrderId
    decision: Decision
    outcome: Literal["stored", "repeated", "conflict", "undelivered", "refused"]
    reason: str = ""
    difference: Mapping[str, tuple[object, object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotRun:
    """The run published nothing.

    Attributes:
        reason: ``late``, ``early``, ``repeated`` (it had come to its end before) or ``superseded`` (a later
            run has).
    """

    reason: Literal["late", "early", "repeated", "superseded"]
    lateness_seconds: float


@dataclass(frozen=True, slots=True)
class ArmRun:
    """What one arm did in a run: the content of its run record.

    Attributes:
        run_id: of this arm's part of the run.
        posted: its signals, suppressed ones too.
        skipped: symbol to reason. seen: how many symbols were computed.
        suppressed: guardrail to number, unpublished ones too.
    """

    name: str
    run_id: RunId
    snapshot: Snapshot
    posted: Sequence[Posted]
    skipped: Mapping[str, str]
    seen: int
    suppressed: Mapping[str, int]

    def count(self, outcome: str, *, sent: bool = True) -> int:
        """Return how many signals had this outcome; ``sent`` leaves out the suppressed ones."""
        return sum(
            1 for signal in self.posted if signal.outcome == outcome and (signal.decision.is_sent or not sent)
        )


@dataclass(frozen=True, slots=True)
class Completed:
    """The run came to its end.

    Attributes:
        run_id: of the whole run, which is the arm ``main``'s too.
        arms: what each arm did, sorted by name; one where the document has no arms.
        unpublished: suppressed signals beyond the bound.
    """

    run_id: RunId
    arms: Sequence[ArmRun]
    unpublished: int
    invalid_parameters: InvalidParameters | None

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot of the arm ``main``, or of the first one where none has that name."""
        return next((arm.snapshot for arm in self.arms if arm.name == MAIN_ARM), self.arms[0].snapshot)

    @property
    def posted(self) -> Sequence[Posted]:
        """Every signal of every arm."""
        return [signal for arm in self.arms for signal in arm.posted]

    @property
    def skipped(self) -> Mapping[str, str]:
        """Symbol to the reason why it was not computed."""
        return {symbol: reason for arm in self.arms for symbol, reason in arm.skipped.items()}

    @property
    def seen(self) -> int:
        """How many symbols were computed."""
        return sum(arm.seen for arm in self.arms)

    @property
    def suppressed(self) -> Mapping[str, int]:
        """Guardrail to number of signals."""
        return dict(sum((Counter(arm.suppressed) for arm in self.arms), Counter[str]()))

    def count(self, outcome: str, *, sent: bool = True) -> int:
        """Return how many signals had this outcome; ``sent`` leaves out the suppressed ones."""
        return sum(arm.count(outcome, sent=sent) for arm in self.arms)
