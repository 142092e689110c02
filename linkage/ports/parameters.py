"""Where an operator's parameter document lives."""

from __future__ import annotations

from typing import Protocol


class ParameterSource(Protocol):
    """Where an operator's parameter document lives."""

    def document(self) -> str | None:
        """Return the TOML or JSON text; None when there is none.

        Raises:
            StoreUnavailableError: it cannot be read.
        """
        ...
