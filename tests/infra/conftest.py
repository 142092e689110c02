"""Every stage is synthesised once in a test run, without its zips."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from infra.cdk.stage_names import STAGE_NAMES
from infra.cdk.stages import load_stage
from tests.infra.assembly import Assembly


@pytest.fixture(scope="session")
def assemblies(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Assembly]:
    """Returns the assembly of a stage by its name."""
    folder = Path(tmp_path_factory.mktemp("cdk"))

    @cache
    def synthesised(stage: str) -> Assembly:
        # jsii starts Node when it is imported; tests that need no template should not wait for it.
        from infra.cdk.synth import synthesise

        synthesise(stage, folder / stage, bundle=False)
        return Assembly.read(load_stage({"stage": stage}.get), folder / stage)

    return synthesised


@pytest.fixture(params=STAGE_NAMES)
def assembly(request: pytest.FixtureRequest, assemblies: Callable[[str], Assembly]) -> Assembly:
    """Each stage in turn."""
    return assemblies(request.param)
