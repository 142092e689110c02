"""Settings of ``migrate``."""

from __future__ import annotations

from linkage.runtime.settings import DatabaseSettings


class MigrateSettings(DatabaseSettings):
    """What ``migrate`` needs to know: PostgreSQL as ``migrator``."""
