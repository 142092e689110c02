"""The ledger's schema, as a deployment sees it from outside of the database's network."""

from __future__ import annotations

from typing import Protocol


class SchemaMigrator(Protocol):
    """Brings the schema up. Both methods raise ``LedgerUnavailableError`` when that failed."""

    def migrate(self) -> str:
        """Bring the schema up to date; return ``migrated``, ``current`` or ``ahead``."""
        ...

    def create_roles(self, username: str, password: str) -> None:
        """Create the roles as this login. Safe to repeat."""
        ...
