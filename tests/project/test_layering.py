"""The house stands: no import goes up, and each contract notices when it is broken on purpose."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
PACKAGES: list[str] = SETTINGS["root_packages"]
CONTRACTS = [contract["name"] for contract in SETTINGS["contracts"]]

# For each contract a file, and an import that must not be in it.
BREACHES = {
    "Every import goes down, from the demonstration to the domain": ("local/cloud.py", "cli.output"),
    "The domain knows nobody; adapters know everybody below them": (
        "linkage/contracts/state.py",
        "linkage.strategy.state",
    ),
    "Functions are independent of each other": ("functions/broker/service.py", "functions.webhook.service"),
    "Use cases know no AWS, no environment and no logger": ("functions/sighook/service.py", "boto3"),
    "The domain uses the standard library only": ("linkage/domain/times.py", "pydantic"),
    "Technologies are independent of each other": (
        "linkage/adapters/dynamodb/table.py",
        "linkage.adapters.postgres.connection",
    ),
    "Infrastructure knows only the settings of the functions": (
        "infra/cdk/app.py",
        "functions.sighook.handler",
    ),
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of a copy of the house in which every contract is broken once."""
    copy = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file, module in BREACHES.values():
        with (copy / file).open("a", encoding="utf-8") as opened:
            opened.write(f"\nimport {module}\n")
    program = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command; "
    done = subprocess.run(
        [sys.executable, "-P", "-c", program + "lint_imports_command(['--no-cache'])"],
        cwd=copy, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_every_contract_is_broken_on_purpose_below() -> None:
    assert sorted(BREACHES) == sorted(CONTRACTS)


@pytest.mark.parametrize("contract", BREACHES)
def test_a_contract_that_is_broken_on_purpose_is_reported(contract: str, broken: str) -> None:
    assert f"{contract} BROKEN" in broken


def test_packages_import_each_other_in_one_direction_only() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    pairs = {
        (importer.split(".")[0], imported.split(".")[0])
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    }
    upward = sorted(pair for pair in pairs if pair[0] != pair[1] and pair[::-1] in pairs)
    assert not upward
