"""Figures as lines of a table: a name, a value and what to know about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from functions.report.rendering import formatting


@dataclass(frozen=True, slots=True)
class Line:
    """One figure with its name and what to know about it."""

    label: str
    value: str
    note: str = ""
    loss: bool = False


def phrases(texts: Sequence[str], limit: int) -> str:
    """Return phrases on one line, at most so many, and how many more there are."""
    shown = [formatting.plain(text, 120) for text in texts[:limit]]
    return "; ".join(filled([*shown, formatting.more(len(texts) - limit, "more change")]))


def filled(texts: Iterable[str]) -> list[str]:
    """Return the texts that are not empty."""
    return [text for text in texts if text]
