"""Rows as JSON text, which PostgreSQL expands into rows again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID


def json_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a JSON array of objects, without loss."""
    return json.dumps(rows, default=_plain)


def _plain(value: Any) -> object:
    if isinstance(value, (Decimal, datetime, UUID)):
        return str(value)
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(type(value).__name__)
