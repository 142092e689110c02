"""Fixtures of commands that are tested on the product itself."""

from tests.scenarios.conftest import new_world, world

__all__ = ["new_world", "world"]
