"""The proofs play in the same world as the scenarios."""

from tests.scenarios.conftest import new_world, world

__all__ = ["new_world", "world"]
