"""Which SQL statements a module runs: the files that its zip has to hold."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

STATEMENT_FOLDER = "sql"


def statements_of(module: Path) -> Iterator[Path]:
    """Yield the file of each ``statement(__file__, "<name>")`` in a module's source.

    Args:
        module: file of the module.

    Raises:
        ValueError: a statement is named by something else than a text, which only running it could resolve.
    """
    folder = module.with_name(STATEMENT_FOLDER)
    if not folder.is_dir():
        return
    for node in ast.walk(ast.parse(module.read_bytes())):
        match node:
            case ast.Call(func=ast.Name("statement"), args=[ast.Name("__file__"), ast.Constant(str(name))]):
                yield folder / f"{name}.sql"
            case ast.Call(func=ast.Name("statement")):
                raise ValueError(f"{module}:{node.lineno}: a statement is named by a text")
