"""The way of an event through the files of this repository, seen while the event is served.

A file is entered when a function that is defined in it is called by code of another file of ours; frames of
libraries in between do not count. What a module does at its import, and what a dataclass or pydantic makes
itself, has no file.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

ROOT = Path(__file__).resolve().parents[2]
DEPLOYED = ("functions", "linkage", "strategies")


@dataclass
class Way:
    """The entries of one event: from which file into which, in their order. From ``""`` comes the event."""

    entries: list[tuple[str, str]] = field(default_factory=list)

    @property
    def files(self) -> list[str]:
        """The files in the order in which they were entered first."""
        return list(dict.fromkeys(entered for _, entered in self.entries))

    def times_entered(self, folder: str) -> dict[str, int]:
        """Return how often each file of a folder was entered."""
        return dict(Counter(entered for _, entered in self.entries if entered.startswith(folder)))

    def calls_back(self, folder: str) -> set[str]:
        """Return which files from outside of a folder call into it."""
        inside = {came_from for came_from, entered in self.entries if entered.startswith(folder)}
        return {file for file in inside if file and not file.startswith(folder)}


@contextmanager
def traced() -> Iterator[Way]:
    """Follow what this thread calls."""
    way = Way()

    def observe(frame: FrameType, event: str, _argument: object) -> None:
        if event != "call" or (entered := file_of(frame.f_code)) is None:
            return
        caller = frame.f_back
        while caller is not None and file_of(caller.f_code) is None:
            caller = caller.f_back
        came_from = "" if caller is None else file_of(caller.f_code) or ""
        if came_from != entered:
            way.entries.append((came_from, entered))

    sys.setprofile(observe)
    try:
        yield way
    finally:
        sys.setprofile(None)


@cache
def file_of(code: CodeType) -> str | None:
    """Return the file of deployed code, relative to the repository; None for everything else."""
    path = Path(code.co_filename)
    if not path.is_relative_to(ROOT):
        return None
    relative = path.relative_to(ROOT)
    return relative.as_posix() if relative.parts[0] in DEPLOYED else None
