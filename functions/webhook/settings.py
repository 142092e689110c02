"""Settings of the webhook function."""

from __future__ import annotations

from linkage.runtime.settings import Settings


class WebhookSettings(Settings):
    """What the webhook needs to know.

    Attributes:
        secret_id: Secrets Manager id of ``{"webhook_keys": ["whsec_…", …]}``, current key first.
        forward_timeout_seconds: how long a tee waits for the receiver behind it.
    """

    table_name: str
    fills_queue_url: str
    secret_id: str
    forward_timeout_seconds: float = 8.0
