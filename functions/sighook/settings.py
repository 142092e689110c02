"""Settings of the sighook function."""

from __future__ import annotations

from linkage.runtime.settings import Settings

REFERENCE_STRATEGY = "strategies.matrix.strategy:MATRIX"


class SighookSettings(Settings):
    """What the strategy's host needs to know.

    Attributes:
        webhook_url: base URL of the API, without a trailing slash.
        secret_id: Secrets Manager id of ``{"webhook_keys": ["whsec_…", …]}``; the first one signs.
        parameters_name: SSM parameter with the strategy's TOML or JSON document; may be absent there.
        parameters_override: a document whose fields take precedence over that one's; for tests, in no stage.
        market: ``simulation:<seed>``, ``files:<folder>``, ``s3://bucket/prefix`` or ``ccxt:<exchange>``.
        strategy: import path of the strategy, ``package.module:OBJECT``; its package is in the zip.
        symbols: comma-separated BASE-QUOTE; ``*`` for all that the market has; ``quote:USDT`` for those of a
            quote currency; ``quote:USDT top:50`` for the most traded of these (an exchange only).
        replay: a run may be late (local stage only).
        max_suppressed_per_run: how many signals that a guardrail held back one run publishes.
    """

    webhook_url: str
    table_name: str
    secret_id: str
    parameters_name: str
    parameters_override: str = ""
    market: str
    strategy: str = REFERENCE_STRATEGY
    symbols: str = "*"
    venue: str = "paper"
    account: str = "paper"
    replay: bool = False
    max_suppressed_per_run: int = 50
