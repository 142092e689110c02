"""The names of the stages, for those who need no more of them: the command reads this at every start."""

from __future__ import annotations

from typing import Literal

StageName = Literal["local", "dev", "prod"]
STAGE_NAMES: tuple[StageName, ...] = ("local", "dev", "prod")
