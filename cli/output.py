"""How commands print: rich tables for people, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

import typer

MIN_COLUMN_WIDTH = 8
"""Cells. A column that has fewer for a long value shows nothing that can be read."""


def print_json(value: object) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> None:
    """Print rows under their columns; None shows as a dash.

    Words stay in one piece where the screen is wide enough for that. Where it is too narrow for all columns,
    each row is a table of its own.
    """
    # Rich takes longer to import than most commands take to ask for their first answer.
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    console = Console()
    cells = [["–" if value is None else str(value) for value in row] for row in rows]
    available = console.width - 3 * len(columns) - 1
    word_widths = [max(map(_longest_word, column)) for column in zip(columns, *cells, strict=True)]
    if len(columns) > 2 and sum(min(width, MIN_COLUMN_WIDTH) for width in word_widths) > available:
        for number, row in enumerate(cells, start=1):
            print_table(("column", "value"), zip(columns, row, strict=True), title=f"row {number}")
        return
    widths: Sequence[int | None] = [None] * len(columns)
    if sum(word_widths) <= available:
        line_widths = [max(map(_longest_line, column)) for column in zip(columns, *cells, strict=True)]
        widths = _widened(word_widths, line_widths, available)
    heads = [Column(name, overflow="fold", width=width) for name, width in zip(columns, widths, strict=True)]
    table = Table(*heads, title=title, title_justify="left", header_style="bold")
    for row in cells:
        # As text, not as markup: a cell may hold anything, square brackets included.
        table.add_row(*map(Text, row))
    console.print(table)


def say(text: str) -> None:
    """Print a line for people on standard error, so that standard output stays for results."""
    typer.echo(text, err=True)


def _widened(minimum: Sequence[int], maximum: Sequence[int], available: int) -> list[int]:
    """Return widths between two bounds that share what is available, those that need little first."""
    widths = list(minimum)
    left = available - sum(widths)
    waiting = sorted(range(len(widths)), key=lambda column: maximum[column] - minimum[column])
    for done, column in enumerate(waiting):
        more = min(maximum[column] - minimum[column], left // (len(waiting) - done))
        widths[column] += more
        left -= more
    return widths


def _longest_word(text: str) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, text.split()), default=0)


def _longest_line(text: str) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, text.splitlines()), default=0)
