"""Settings of the recorder's four functions."""

from __future__ import annotations

from linkage.runtime.settings import DatabaseSettings


class RecorderSettings(DatabaseSettings):
    """What the recorder needs to know.

    Attributes:
        sweep_hours: how many hours of the hot store a sweep compares with the ledger.
    """

    table_name: str
    sweep_hours: int = 26
