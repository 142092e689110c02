"""SQL statements, each in a file of its own in the ``sql`` folder beside the module that runs it."""

from __future__ import annotations

from pathlib import Path
from typing import LiteralString

from linkage.runtime.dependencies import once


@once
def statement(module: str, name: str) -> LiteralString:
    """Return the statement ``sql/<name>.sql`` beside a module.

    Args:
        module: the ``__file__`` of the module that runs it.
        name: of the file, without its ending.

    Raises:
        FileNotFoundError: there is no such statement.
    """
    return (Path(module).with_name("sql") / f"{name}.sql").read_text(encoding="utf-8")
