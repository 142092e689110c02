"""The strategy that a stage names by import path: checked before anything is deployed, found for its zip."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

OURS = ("functions", "linkage", "migrations", "strategies")
"""The packages of this repository that zips hold parts of."""

# In a process of its own: a strategy's code is the function's, and infrastructure imports none of that.
_LOAD = """
import json, sys
sys.dont_write_bytecode = True
sys.path[:] = json.loads(sys.argv[2])
from linkage.domain.errors import ConfigurationError
from linkage.strategy.plugin import load_strategy
try:
    load_strategy(sys.argv[1])
except ConfigurationError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
"""


class StrategyError(ValueError):
    """The import path names no strategy that a function could run. The message says why."""


@cache
def check_strategy(path: str) -> None:
    """Load a strategy as the function will.

    Raises:
        StrategyError: as above.
    """
    command = [sys.executable, "-c", _LOAD, path, json.dumps(_search_path())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["it cannot be loaded"]
        raise StrategyError(lines[-1])


def package_of(path: str) -> str:
    """Return the package of an import path that a zip holds whole: its code version covers all its files.

    It is the top-level package. One of ours holds much else, so there it is the package around the module.
    """
    module = path.partition(":")[0]
    top = module.partition(".")[0]
    if top not in OURS:
        return top
    return module if ROOT.joinpath(*module.split(".")).is_dir() else module.rpartition(".")[0]


def package_folder(name: str) -> Path:
    """Return the folder of a top-level package: beside this repository's own, or installed.

    Raises:
        StrategyError: there is none, or it has native code, which is for this machine and not for Lambda.
    """
    spec = PathFinder.find_spec(name, _search_path())
    if spec is None or not spec.submodule_search_locations:
        raise StrategyError(f"{name!r} is no package, neither a folder of this repository nor installed")
    folder = Path(next(iter(spec.submodule_search_locations)))
    native = next((path for suffix in ("so", "pyd") for path in folder.rglob(f"*.{suffix}")), None)
    if native is not None:
        raise StrategyError(
            f"{name!r} has native code ({native.name}); pin it in the dependency group sighook instead"
        )
    return folder


def _search_path() -> list[str]:
    return [str(ROOT), *(entry for entry in sys.path if entry and entry != str(ROOT))]
