"""Settings of ``bootstrap``."""

from __future__ import annotations

from linkage.runtime.settings import Settings


class BootstrapSettings(Settings):
    """What ``bootstrap`` needs to know. It runs outside the VPC and invokes ``migrate`` inside.

    Attributes:
        master_secret_id: the secret that RDS manages; empty in the local stage.
        secret_id: the webhook keys; filled with a random key when still a placeholder.
        venue, account, mode: of the first-party bot, registered when absent.
    """

    migrate_function: str
    master_secret_id: str = ""
    secret_id: str
    table_name: str
    venue: str = "paper"
    account: str = "paper"
    mode: str = "paper"
