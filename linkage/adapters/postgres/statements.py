"""SQL statements, each in a file of its own in the ``sql`` folder beside the module that runs it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import LiteralString


@cache
def statement(module: str, name: str) -> LiteralString:
    """Return the statement ``sql/<name>.sql`` beside a module.

    Args:
        module: the ``__file__`` of the module that runs it.
        name: of the file, without its ending.

    Raises:
        FileNotFoundError: there is no such statement.
    """
    return (Path(module).with_name("sql") / f"{name}.sql").read_text(encoding="utf-8")
