"""Fixtures of commands that are tested on the product itself."""

from tests.scenarios.conftest import expiry, new_world, used_databases, world

__all__ = ["expiry", "new_world", "used_databases", "world"]
