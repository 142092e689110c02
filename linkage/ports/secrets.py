"""Secrets that a deployment reads and writes."""

from __future__ import annotations

from typing import Protocol


class SecretStore(Protocol):
    """Secrets by name. A failure is the service's own: whoever deploys reads it, and deploys again."""

    def read(self, secret_id: str) -> str:
        """Return a secret's text."""
        ...

    def write(self, secret_id: str, text: str) -> None:
        """Replace a secret's text."""
        ...
