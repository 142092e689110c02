"""What a module of this repository imports, read from its source: an account beside that of the graph."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from pathlib import Path

from infra.cdk.bundles import ROOT
from infra.cdk.strategies import OURS


def closure(modules: Iterable[str], *, without: Collection[str] = ()) -> set[str]:
    """Return our own modules that these import, directly and through others, and the packages around them."""
    waiting, reached = [*modules], set[str]()
    while waiting:
        module = waiting.pop()
        if module not in reached and module not in without and path_of(module) is not None:
            reached.add(module)
            waiting += [module.rpartition(".")[0], *_imported_by(module)]
    return reached


def modules_below(package: str) -> set[str]:
    """Return a package and its modules, by its files."""
    folder = ROOT.joinpath(*package.split("."))
    paths = [path.relative_to(ROOT).with_suffix("") for path in folder.rglob("*.py")]
    return {".".join(path.parts).removesuffix(".__init__") for path in paths}


def path_of(module: str) -> Path | None:
    """Return the file of one of our modules, relative to the root; None when it is not ours or no module."""
    if module.partition(".")[0] not in OURS:
        return None
    base = Path(*module.split("."))
    candidates = (base / "__init__.py", base.with_suffix(".py"))
    return next((path for path in candidates if (ROOT / path).is_file()), None)


@cache
def _imported_by(module: str) -> frozenset[str]:
    return frozenset(_imports(module))


def _imports(module: str) -> Iterator[str]:
    path = path_of(module)
    assert path is not None
    waiting: list[ast.AST] = [ast.parse((ROOT / path).read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{module}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting += ast.iter_child_nodes(node)
