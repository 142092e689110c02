"""How commands print: rich tables for people, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

NARROWEST = 8
"""Cells. A column that has fewer for a long value shows nothing that can be read."""


def print_json(value: object) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> None:
    """Print rows under their columns; None shows as a dash.

    Words stay in one piece where the screen has room for that. Where it has no room for all columns, each
    row is a table of its own.
    """
    console = Console()
    cells = [["–" if value is None else str(value) for value in row] for row in rows]
    room = console.width - 3 * len(columns) - 1
    words = [max(map(_longest_word, column)) for column in zip(columns, *cells, strict=True)]
    if len(columns) > 2 and sum(min(width, NARROWEST) for width in words) > room:
        for number, row in enumerate(cells, start=1):
            print_table(("column", "value"), zip(columns, row, strict=True), title=f"row {number}")
        return
    widths: Sequence[int | None] = [None] * len(columns)
    if sum(words) <= room:
        whole = [max(map(_longest_line, column)) for column in zip(columns, *cells, strict=True)]
        widths = _widened(words, whole, room)
    heads = [Column(name, overflow="fold", width=width) for name, width in zip(columns, widths, strict=True)]
    table = Table(*heads, title=title, title_justify="left", header_style="bold")
    for row in cells:
        # As text, not as markup: a cell may hold anything, square brackets included.
        table.add_row(*map(Text, row))
    console.print(table)


def say(text: str) -> None:
    """Print a line for people on standard error, so that standard output stays for results."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False)


def _widened(least: Sequence[int], most: Sequence[int], room: int) -> list[int]:
    """Return widths between two bounds that share what room is left, those that need little first."""
    widths = list(least)
    left = room - sum(widths)
    waiting = sorted(range(len(widths)), key=lambda place: most[place] - least[place])
    for done, place in enumerate(waiting):
        more = min(most[place] - least[place], left // (len(waiting) - done))
        widths[place] += more
        left -= more
    return widths


def _longest_word(text: str) -> int:
    return max(map(cell_len, text.split()), default=0)


def _longest_line(text: str) -> int:
    return max(map(cell_len, text.splitlines()), default=0)
