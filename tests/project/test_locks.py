"""The locks in requirements/ are complete, match pyproject.toml and name no registry."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS = [
    "sighook-exchange", "broker-exchange", "candles", "sighook-candles", "broker-candles",
    "sighook", "webhook", "recorder", "report", "ledger", "broker", "migrate", "emulator", "exchange", "dev",
]  # fmt: skip
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)")


def expand(group: str) -> list[str]:
    requirements: list[str] = []
    for entry in PYPROJECT["dependency-groups"][group]:
        requirements += expand(entry["include-group"]) if isinstance(entry, dict) else [entry]
    return requirements


def canonical_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        match = PIN.match(line)
        if match:
            found.setdefault(canonical_name(match[1]), set()).add(match[2])
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_a_lock_pins_what_its_group_asks_for(group: str) -> None:
    locked = pins((ROOT / f"requirements/{group}.txt").read_text())
    for requirement in expand(group):
        name, _, version = requirement.partition("==")
        key = canonical_name(re.sub(r"\[.*\]", "", name))
        assert key in locked, f"{group}: {requirement} is not locked; run `make lock`"
        if version:
            assert locked[key] == {version}, (
                f"{group}: {requirement} is locked as {locked[key]}; run `make lock`"
            )


@pytest.mark.parametrize("group", [*GROUPS, "uv"])
def test_every_pin_has_hashes_and_no_lock_names_a_host(group: str) -> None:
    text = (ROOT / f"requirements/{group}.txt").read_text()
    assert "://" not in text
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert blocks
    assert all("--hash=sha256:" in block for block in blocks)


def test_functions_that_share_a_pin_share_its_version() -> None:
    dev = pins((ROOT / "requirements/dev.txt").read_text())
    for group in GROUPS:
        if group == "emulator":  # it pins botocore exactly and runs in an environment of its own
            continue
        for name, versions in pins((ROOT / f"requirements/{group}.txt").read_text()).items():
            assert versions <= dev[name], f"{group}: {name} {versions} differs from dev {dev[name]}"
