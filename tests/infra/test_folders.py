"""What is written beside the checkout, and where it is if the checkout cannot be written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infra import folders
from infra.folders import fetched, home_environment, local_directory, output_directory


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(folders, "ROOT", tmp_path / "checkout")
    monkeypatch.setenv("LINKAGE_LOCAL_DIR", str(tmp_path / "local"))
    (tmp_path / "checkout").mkdir()
    return tmp_path / "checkout"


def test_what_the_set_up_fetched_into_the_checkout_serves_every_local_directory(checkout: Path) -> None:
    assert fetched("bundles/a") == local_directory() / "bundles" / "a"
    (checkout / ".local" / "bundles" / "a").mkdir(parents=True)
    assert fetched("bundles/a") == checkout / ".local" / "bundles" / "a"
    assert fetched("bundles/b") == local_directory() / "bundles" / "b"


def test_results_of_a_checkout_that_cannot_be_written_are_in_the_local_directory(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert output_directory() == checkout / "out"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert output_directory() == local_directory() / "out"


def test_tools_get_a_home_only_if_the_callers_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_environment() == {}
    monkeypatch.setenv("HOME", "/not/there")
    assert home_environment() == {"HOME": str(local_directory() / "home")}
    monkeypatch.delenv("HOME")
    assert home_environment() == {"HOME": str(local_directory() / "home")}
