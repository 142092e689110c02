"""Settings of the recorder's functions."""

from __future__ import annotations

from linkage.runtime.settings import DatabaseSettings, Settings


class RecorderSettings(DatabaseSettings):
    """What the four functions need to know that write the ledger.

    Attributes:
        sweep_hours: how many hours of the hot store a sweep compares with the ledger.
    """

    table_name: str
    sweep_hours: int = 26


class RedriveSettings(Settings):
    """What ``redrive`` needs to know: two queues, and whom to ask whether the database answers.

    Attributes:
        most_redrives: how often one message is moved by itself before it stays in the dead letters.
    """

    fills_queue_url: str
    fills_dlq_url: str
    read_ledger_function: str
    most_redrives: int = 3
