"""What a report remembers of the one before: since when something is wrong, and what the rates were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from functions.report.rendering.advice import Advice
from linkage.contracts.types import UtcTime


class Remembered(BaseModel):
    """A warning, and the end of the first period that had it."""

    model_config = ConfigDict(frozen=True)

    brief: str
    since: UtcTime


class Memory(BaseModel):
    """What is known after a period, and enough of the one before to say the same again for this one.

    Attributes:
        end: of the period.
        warnings: by key. cleared: those of the period before that are over.
        rates: share of expected orders linked, per cent, by mode. before: the same of the period before.
    """

    model_config = ConfigDict(frozen=True)

    end: UtcTime
    warnings: dict[str, Remembered] = Field(default_factory=dict)
    cleared: list[Remembered] = Field(default_factory=list)
    rates: dict[str, str] = Field(default_factory=dict)
    before: dict[str, str] = Field(default_factory=dict)


def read_memory(text: str | None) -> Memory | None:
    """Return what was kept; None when there is nothing, or nothing that this version understands."""
    try:
        return None if text is None else Memory.model_validate_json(text)
    except ValidationError:
        return None


def advance(
    memory: Memory | None, *, advice: Sequence[Advice], rates: Mapping[str, str], end: datetime
) -> Memory:
    """Return the memory after a period.

    A second report of the same period gets the same memory; one of an older period changes nothing.
    """
    if memory is not None and memory.end > end:
        return memory
    known = memory.warnings if memory else {}
    warnings = {
        warning.key: known.get(warning.key) or Remembered(brief=warning.brief, since=end)
        for warning in advice
    }
    if memory is None:
        return Memory(end=end, warnings=warnings, rates=dict(rates))
    if memory.end == end:
        return memory.model_copy(update={"warnings": warnings, "rates": dict(rates)})
    cleared = [warning for key, warning in known.items() if key not in warnings]
    return Memory(end=end, warnings=warnings, cleared=cleared, rates=dict(rates), before=memory.rates)


def state_of(since: datetime, end: datetime) -> str:
    """Return ``new``, or ``still (day 3)``."""
    return "new" if since >= end else f"still (day {(end - since).days + 1})"
