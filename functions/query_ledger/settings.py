"""Settings of ``query_ledger``."""

from __future__ import annotations

from linkage.runtime.settings import DatabaseSettings


class QueryLedgerSettings(DatabaseSettings):
    """What ``linkage sql`` needs on the far side: PostgreSQL as ``sql_reader``, nothing else."""

    max_rows: int = 10_000
