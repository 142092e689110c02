"""Settings of the recorder's functions."""

from __future__ import annotations

from linkage.runtime.settings import DatabaseSettings


class RecorderSettings(DatabaseSettings):
    """What the four functions need to know that write the ledger.

    Attributes:
        sweep_hours: how many hours of the hot store a sweep compares with the ledger.
    """

    table_name: str
    sweep_hours: int = 26
