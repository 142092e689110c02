"""What a module imports, directly and through others: the part of the code that its zip has to hold."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from pathlib import Path

import grimp


class Imports:
    """The imports between the modules of some packages, those inside functions too.

    Imports for type checkers only are left out, and so is what is imported by a name in a string.

    Args:
        packages: top-level packages, of the root or installed.
        root: where they are looked for first.
    """

    def __init__(self, packages: Iterable[str], *, root: Path) -> None:
        path = sys.path
        sys.path = [str(root), *path]
        try:
            # Scanning takes less time than reading a cache, and leaves no files.
            self._graph = grimp.build_graph(
                *packages, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
            )
        finally:
            sys.path = path

    def modules_of(self, package: str) -> frozenset[str]:
        """Return a package and all modules below it."""
        return frozenset({package, *self._graph.find_descendants(package)})

    def closure(self, start: Iterable[str], *, without: Collection[str] = ()) -> frozenset[str]:
        """Return what importing some modules can import, themselves included.

        Args:
            start: modules of these packages.
            without: modules that are not followed and not returned.

        Returns:
            Modules of the packages, the packages that they are in (their ``__init__`` runs too), and the
            names of external packages, the standard library's among them.
        """
        reached: set[str] = set()
        waiting = [*start]
        while waiting:
            module = waiting.pop()
            if module in reached or module in without:
                continue
            reached.add(module)
            if parent := module.rpartition(".")[0]:
                waiting.append(parent)
            waiting.extend(self._graph.find_modules_directly_imported_by(module))
        return frozenset(reached)
