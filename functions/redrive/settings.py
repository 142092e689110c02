"""Settings of ``redrive``."""

from __future__ import annotations

from linkage.runtime.settings import Settings


class RedriveSettings(Settings):
    """What ``redrive`` needs to know: two queues, and whom to ask whether the database answers.

    Attributes:
        most_redrives: how often one message is moved by itself before it stays in the dead letters.
    """

    fills_queue_url: str
    fills_dlq_url: str
    read_ledger_function: str
    most_redrives: int = 3
