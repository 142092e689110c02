"""Switches that an operator turns."""

from __future__ import annotations

from typing import Protocol


class Switchboard(Protocol):
    """Switches that an operator turns without a deployment."""

    def linking_enabled(self) -> bool:
        """Return whether linking is on. On when nobody ever turned it off.

        Raises:
            StoreUnavailableError: the switch cannot be read.
        """
        ...
