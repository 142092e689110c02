"""How commands print: rich tables for people, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_json(value: object) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> None:
    """Print rows under their columns; None shows as a dash."""
    table = Table(*columns, title=title, title_justify="left", header_style="bold")
    for row in rows:
        # As text, not as markup: a cell may hold anything, square brackets included.
        table.add_row(*(Text("–" if value is None else str(value)) for value in row))
    Console().print(table)


def say(text: str) -> None:
    """Print a line for people on standard error, so that standard output stays for results."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False)
