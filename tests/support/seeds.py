"""Where chance begins: at one place, unless ``LINKAGE_SEED`` names another."""

from __future__ import annotations

import os

NAMED = os.environ.get("LINKAGE_SEED")


def seed(offset: int = 0) -> int:
    """Return the seed of a test; tests that want several add an offset.

    Without ``LINKAGE_SEED`` it is always the same.
    """
    return 1_000 * int(NAMED or "0") + offset
