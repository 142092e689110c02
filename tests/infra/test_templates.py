"""What every stage promises, read from its templates."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.infra.assembly import Assembly
from tests.infra.assertions import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_stage_keeps_the_promise(assembly: Assembly, check: Callable[[Assembly], None]) -> None:
    check(assembly)
