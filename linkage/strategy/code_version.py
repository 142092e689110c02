"""The version of a strategy's code: a hash that changes exactly when its decisions may.

It covers the strategy's package, the host's modules that every decision runs through, each file that these
import, directly or through others, and the versions of the third-party packages among these imports. The
graph is read from the sources, so an import inside a function counts as much as one at the top, and nothing
has to be imported to be found.

Of a module, what the interpreter acts on is hashed: its syntax tree, without docstrings and what is there
for the type checker only. Comments, blank lines and layout are not in a tree. The tree is written out here
rather than by ``ast.dump``, whose text differs between versions of Python.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TypeGuard

from linkage.domain.errors import ConfigurationError

OURS = frozenset({"linkage", "strategies"})
"""Top-level packages whose sources count although a distribution may have their names."""

HOST = ("linkage.strategy.candles", "linkage.strategy.state", "linkage.strategy.walk")
"""What gives a strategy its bars and its state, and leads it from bar to bar. Its decisions run through these
whether it imports them or not."""

DECLARATION = ("linkage.strategy.plugin", "Strategy")
"""How a strategy makes itself known. The host calls the strategy by it and the strategy calls nothing of it,
so this one import is not followed: a change of how parameters are read changes no decision on them. What
decisions do run through is in ``HOST``."""

_NOT_RUN = (".pyc", ".pyi")
_LEFT_OUT = ("__pycache__", "tests")
"""Folders of a package that are not hashed: what is installed for a function comes without them."""


@lru_cache(maxsize=8)
def code_version(package: str) -> str:
    """Return the version of the strategy in this package, 16 hex digits.

    It is the same text on every Python that is supported, and wherever the package is installed.

    Args:
        package: import name of the strategy's package.

    Raises:
        ConfigurationError: there is no such package; a single module is none.
    """
    digest = sha256()
    for name, content in sorted(contents(package).items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def contents(package: str) -> dict[str, bytes]:
    """Return what the version is a hash of: by path or requirement (``numpy==2.4.6``), what counts of it.

    Raises:
        ConfigurationError: as in ``code_version``.
    """
    sources = _Sources(package.partition(".")[0])
    folder = sources.folder(package)
    if folder is None:
        raise ConfigurationError(
            f"strategy: {package!r} is no package, a folder with __init__.py", field="strategy"
        )
    place = package.replace(".", "/")
    found: dict[str, bytes] = {}
    for path in _files(folder):
        name = f"{place}/{path.relative_to(folder).as_posix()}"
        if path.suffix == ".py":
            sources.add(name.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        else:
            found[name] = path.read_bytes()
    for module in HOST:
        sources.add(module)
    return found | sources.closure()


class _Sources:
    """The modules that are reached, and what counts of each."""

    def __init__(self, own: str) -> None:
        self._own = OURS | {own}
        self._folders: dict[str, Path | None] = {}
        self._requirements: dict[str, str | None] = {}
        self._pending: list[str] = []
        self._seen: set[str] = set()

    def add(self, module: str) -> None:
        """Count a module, and each package that it is in, because importing it runs these too."""
        parts = module.split(".")
        for end in range(len(parts), 0, -1):
            name = ".".join(parts[:end])
            if name in self._seen:
                return
            self._seen.add(name)
            self._pending.append(name)

    def closure(self) -> dict[str, bytes]:
        """Return what counts of every module that is reached."""
        found: dict[str, bytes] = {}
        while self._pending:
            module = self._pending.pop()
            top = module.partition(".")[0]
            if top in sys.stdlib_module_names:
                continue
            requirement = self._requirement(top)
            if requirement is not None:
                found[requirement] = b""
                continue
            path = self._file(module)
            if path is None:
                continue  # a name inside a module, or an optional package that is not there
            content = path.read_bytes()
            package = path.name == "__init__.py"
            place = f"{module.replace('.', '/')}/__init__.py" if package else f"{module.replace('.', '/')}.py"
            try:
                tree = ast.parse(content)
                found[place] = canonical_source(tree)
            except (SyntaxError, ValueError, RecursionError):
                found[place] = content  # a template, for instance
                continue
            for imported in _imports(tree, module if package else module.rpartition(".")[0]):
                self.add(imported)
        return found

    def folder(self, package: str) -> Path | None:
        """Return where the modules of a package are; None where there is no such package."""
        if package not in self._folders:
            parent, _, name = package.rpartition(".")
            if parent:
                above = self.folder(parent)
                found = None if above is None else above / name
            else:
                spec = _spec(package)
                places = None if spec is None else spec.submodule_search_locations
                found = Path(next(iter(places))) if places else None
            self._folders[package] = found if found is not None and found.is_dir() else None
        return self._folders[package]

    def _requirement(self, top: str) -> str | None:
        """Return the version of a third-party package, None where its sources count.

        A zip has the metadata of each distribution, but not the list of its files. So a package that has
        another name than its distribution says its version itself, or its sources count as one's own do.
        """
        if top in self._own:
            return None
        if top not in self._requirements:
            try:
                known: str | None = version(top)
            except PackageNotFoundError:
                path = self._file(top)
                known = None if path is None else _declared_version(path)
            self._requirements[top] = None if known is None else f"{top}=={known}"
        return self._requirements[top]

    def _file(self, module: str) -> Path | None:
        parent, _, name = module.rpartition(".")
        folder, above = self.folder(module), self.folder(parent) if parent else None
        candidates = [] if folder is None else [folder / "__init__.py"]
        if above is not None:
            candidates.append(above / f"{name}.py")
        elif not parent and (spec := _spec(name)) and spec.origin and spec.origin.endswith(".py"):
            candidates.append(Path(spec.origin))
        return next((path for path in candidates if path.is_file()), None)


def canonical_source(tree: ast.Module) -> bytes:
    """Return a module's syntax tree as text, without what has no effect.

    Fields without a value are left out, so that a version of Python that knows more of them writes the same.
    """
    written: list[str] = []
    _write(tree, written.append)
    return " ".join(written).encode()


def _write(node: ast.AST, write: Callable[[str], None]) -> None:
    kind = type(node)
    write(f"({kind.__name__}")
    if isinstance(node, ast.Constant):
        write(f"{type(node.value).__name__} {node.value!a}")
    else:
        for field in kind._fields:
            value = None if field in _IDLE else getattr(node, field, None)
            if isinstance(value, ast.AST):
                write(field)
                _write(value, write)
            elif isinstance(value, list):
                parts = _effective(value) if field in _BODIES else value
                if kind is ast.JoinedStr:
                    parts = [part for part in parts if not _is_empty_text(part)]
                if parts:
                    write(f"{field} [")
                    for part in parts:
                        if isinstance(part, ast.AST):
                            _write(part, write)
                        else:
                            write(ascii(part))
                    write("]")
            elif value is not None:
                write(f"{field} {value!a}")
    write(")")


_IDLE = frozenset({"ctx", "type_comment", "type_ignores"})
_BODIES = frozenset({"body", "orelse", "finalbody"})


def _effective(statements: Sequence[ast.AST]) -> list[ast.AST]:
    """Return the statements that do something; ``__version__`` and what is for the type checker do not."""
    kept: list[ast.AST] = []
    for statement in statements:
        if isinstance(statement, ast.Pass):
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if _assigns_version(statement):
            continue
        if isinstance(statement, ast.If) and _is_type_checking(statement.test):
            kept += _effective(statement.orelse)
            continue
        kept.append(statement)
    return kept


def _is_empty_text(value: ast.AST) -> bool:
    """Tell of a part of an f-string whether it is nothing; 3.12 adds such parts to a format."""
    return isinstance(value, ast.Constant) and value.value == ""


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Yield what a module imports when it runs; of ``from a import b`` also ``a.b``, which may be a module.

    Args:
        package: that the module is in, for relative imports.
    """
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, package)
            names = [alias.name for alias in node.names]
            if origin and (origin, *names) != DECLARATION:
                yield from (f"{origin}.{name}" for name in names if name != "*")
                yield origin
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            pending.extend(node.orelse)
        elif not isinstance(node, ast.expr):
            pending.extend(ast.iter_child_nodes(node))


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, node.module] if node.module else parts)


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def _declared_version(path: Path) -> str | None:
    """Return the text that a module assigns to ``__version__``."""
    statements = ast.parse(path.read_bytes()).body
    known = (statement.value for statement in statements if _assigns_version(statement))
    return next((ast.literal_eval(value) for value in known), None)


def _assigns_version(statement: ast.AST) -> TypeGuard[ast.Assign]:
    return (
        isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Constant)
        and any(isinstance(target, ast.Name) and target.id == "__version__" for target in statement.targets)
    )


def _spec(top: str) -> ModuleSpec | None:
    try:
        return find_spec(top)
    except (ImportError, ValueError):
        return None


def _files(folder: Path) -> list[Path]:
    """Return the files of a package that can take part: neither hidden nor compiled ones, nor its tests."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix not in _NOT_RUN
        and not any(part.startswith(".") or part in _LEFT_OUT for part in path.relative_to(folder).parts)
    )
