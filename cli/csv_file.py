"""CSV that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO


def write_csv(path: Path, columns: Mapping[str, str], pages: Iterator[Sequence[Mapping[str, Any]]]) -> None:
    """Write pages of rows as they come; amounts keep every digit."""
    with path.open("w", encoding="utf-8", newline="") as file:
        write_rows(file, list(columns), (row for rows in pages for row in rows))


def write_rows(file: TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a heading and rows."""
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        try:
            float(value)
        except ValueError:
            return f"'{value}"
    return value
