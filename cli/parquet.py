"""Parquet, where polars is installed: it writes the file while the rows still come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from cli.cloud import CommandError


def write_parquet(
    path: Path, columns: Mapping[str, str], pages: Iterator[Sequence[Mapping[str, Any]]]
) -> None:
    """Write pages of rows.

    Args:
        path: of the file; replaced if it is there.
        columns: name to ``number`` (64-bit float), ``text``, ``time`` (UTC) or ``flag``.
        pages: rows as JSON has them, numbers and times as text.

    Raises:
        CommandError: polars is not installed.
    """
    try:
        import polars as pl
        from polars.io.plugins import register_io_source
    except ImportError:
        raise CommandError("Parquet needs polars; install it, or use CSV") from None
    types: dict[str, Any] = {
        "number": pl.Float64(), "text": pl.String(), "time": pl.Datetime("us", "UTC"), "flag": pl.Boolean(),
    }  # fmt: skip
    schema = pl.Schema({name: types[kind] for name, kind in columns.items()})

    def frames(*_pushed_down: object) -> Iterator[pl.DataFrame]:
        for rows in pages:
            values = {name: [_value(kind, row.get(name)) for row in rows] for name, kind in columns.items()}
            yield pl.DataFrame(values, schema=schema)

    register_io_source(frames, schema=schema).sink_parquet(path)


def _value(kind: str, value: object) -> object:
    if value is None:
        return None
    if kind == "number":
        return float(str(value))
    if kind == "time":
        return datetime.fromisoformat(str(value))
    if kind == "flag":
        return bool(value)
    return value if isinstance(value, str) else str(value)
