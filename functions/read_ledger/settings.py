"""Settings of ``read_ledger``."""

from __future__ import annotations

from linkage.runtime.settings import DatabaseSettings


class ReadLedgerSettings(DatabaseSettings):
    """What reading needs to know: PostgreSQL as ``reader``, nothing else."""
