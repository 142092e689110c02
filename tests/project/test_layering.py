"""The house stands: no import goes up, and each contract notices when it is broken on purpose."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
PACKAGES: list[str] = SETTINGS["root_packages"]
CONTRACTS = [contract["name"] for contract in SETTINGS["contracts"]]

LAYERS, LINKAGE_LAYERS, FUNCTIONS, USE_CASES, DOMAIN, TECHNOLOGIES, INFRA, INFRA_INDIRECT = CONTRACTS


class Breach(NamedTuple):
    """An import that must not be in a file, which is a new one where the house has none of that name."""

    contract: str
    file: str
    imported: str

    @property
    def importer(self) -> str:
        """The module that imports."""
        return self.file.removesuffix(".py").replace("/", ".")


BREACHES = (
    Breach(LAYERS, "local/cloud.py", "cli.output"),
    Breach(LINKAGE_LAYERS, "linkage/contracts/state.py", "linkage.strategy.state"),
    Breach(FUNCTIONS, "functions/broker/service.py", "functions.webhook.service"),
    Breach(FUNCTIONS, "functions/poller/service.py", "functions.webhook.service"),
    Breach(USE_CASES, "functions/sighook/service.py", "boto3"),
    Breach(USE_CASES, "functions/sighook/runs.py", "os"),
    Breach(USE_CASES, "functions/webhook/problems.py", "boto3"),
    Breach(USE_CASES, "functions/recorder/service.py", "linkage.adapters.dynamodb.signals"),
    Breach(USE_CASES, "functions/recorder/service.py", "logging"),
    Breach(USE_CASES, "functions/recorder/maintenance.py", "linkage.runtime.observability"),
    Breach(USE_CASES, "functions/poller/polling.py", "aws_lambda_powertools"),
    Breach(USE_CASES, "functions/poller/settings.py", "os"),
    Breach(USE_CASES, "linkage/sources/canonical.py", "botocore"),
    Breach(DOMAIN, "linkage/domain/times.py", "pydantic"),
    Breach(TECHNOLOGIES, "linkage/adapters/dynamodb/table.py", "linkage.adapters.postgres.connection"),
    Breach(TECHNOLOGIES, "linkage/adapters/kafka/topic.py", "linkage.adapters.http.signals"),
    Breach(INFRA, "infra/cdk/app.py", "functions.sighook.decisions"),
    Breach(INFRA, "infra/cdk/app.py", "linkage.runtime.aws"),
    Breach(INFRA, "infra/cdk/app.py", "linkage.inference.rules"),
    Breach(INFRA, "infra/cdk/app.py", "migrations.roles"),
    Breach(INFRA_INDIRECT, "functions/sighook/settings.py", "linkage.strategy.state"),
)
NEW_ROOM = "linkage/extras.py"
"""A module of linkage that is in no layer."""


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the linter says, by contract, of a copy of the house in which every contract is broken."""
    copy = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for breach in BREACHES:
        file = copy / breach.file
        file.parent.mkdir(exist_ok=True)
        (file.parent / "__init__.py").touch()
        with file.open("a", encoding="utf-8") as opened:
            opened.write(f"\nimport {breach.imported}\n")
    (copy / NEW_ROOM).touch()
    program = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command; "
    done = subprocess.run(
        [sys.executable, "-P", "-c", program + "lint_imports_command(['--no-cache'])"],
        cwd=copy, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    _, _, details = done.stdout.partition("Broken contracts")
    parts = re.split(r"^(.+)\n-+\n", details, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_contract_is_broken_on_purpose_below() -> None:
    assert {breach.contract for breach in BREACHES} == set(CONTRACTS)


@pytest.mark.parametrize("breach", BREACHES, ids=lambda breach: f"{breach.importer}-{breach.imported}")
def test_an_import_that_a_contract_forbids_is_reported(breach: Breach, broken: dict[str, str]) -> None:
    assert f"{breach.importer} -> {breach.imported} " in broken[breach.contract]


def test_a_module_of_linkage_that_is_in_no_layer_is_reported(broken: dict[str, str]) -> None:
    assert NEW_ROOM.removesuffix(".py").replace("/", ".") in broken[LINKAGE_LAYERS]


def test_every_package_has_its_layer() -> None:
    layers = [package for layer in SETTINGS["contracts"][0]["layers"] for package in layer.split(" | ")]
    found = [init.parent.name for init in ROOT.glob("*/__init__.py") if init.parent.name != "tests"]
    assert sorted(layers) == sorted(PACKAGES) == sorted(found)


def test_packages_import_each_other_in_one_direction_only() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    pairs = {
        (importer.split(".")[0], imported.split(".")[0])
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    }
    upward = sorted(pair for pair in pairs if pair[0] != pair[1] and pair[::-1] in pairs)
    assert not upward
