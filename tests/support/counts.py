"""Reads the line of counts that a function writes, metrics and plain fields alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def counted(lines: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the counts of the one line that has them."""
    (line,) = [line for line in lines if "message" not in line]
    return {
        name: value[0] if isinstance(value, list) else value
        for name, value in line.items()
        if name not in ("_aws", "service")
    }
