"""Settings of the webhook function."""

from __future__ import annotations

from linkage.runtime.settings import Settings


class WebhookSettings(Settings):
    """What the webhook needs to know.

    Attributes:
        secret_id: Secrets Manager id of ``{"webhook_keys": ["whsec_…", …]}``, current key first.
        forward_to_loopback: whether a receiver may be on this machine, as in the local cloud.
        forward_timeout_seconds: how long a tee waits for the receiver behind it.
        forward_lease_seconds: how long nobody else forwards a signal whose receiver gave no answer.
        forward_wait_seconds: how long a post waits for the outcome of another one of its signal.
    """

    table_name: str
    fills_queue_url: str
    secret_id: str
    forward_to_loopback: bool = False
    forward_timeout_seconds: float = 8.0
    forward_lease_seconds: float = 60.0
    forward_wait_seconds: float = 10.0
