"""Settings of the paper broker."""

from __future__ import annotations

from linkage.runtime.settings import Settings


class BrokerSettings(Settings):
    """What the paper broker needs to know. ``market`` as in sighook's settings.

    Attributes:
        duplicate_rate: share of its messages that come twice. reorder_rate: that come out of their order.
    """

    table_name: str
    fills_queue_url: str
    market: str
    venue: str = "paper"
    account: str = "paper"
    seed: int = 1
    interval_seconds: int = 300
    duplicate_rate: float = 0.05
    reorder_rate: float = 1.0
