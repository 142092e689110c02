"""What a deployment needs once it stands: schema, keys, our own bot.

Each part is done only where it is missing, so every deployment may run it again.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from secrets import token_bytes
from typing import Protocol

from linkage.contracts.signals import BotRecord
from linkage.domain.errors import ConfigurationError, LedgerUnavailableError
from linkage.domain.ids import FIRST_PARTY_BOT
from linkage.ports.bots import BotDirectory
from linkage.ports.clock import Clock
from linkage.ports.schema import SchemaMigrator
from linkage.ports.secrets import SecretStore

KEY_BYTES = 48


class BotRegistry(BotDirectory, Protocol):
    """A directory that takes bots too."""

    def add(self, record: BotRecord) -> None:
        """Register a bot.

        Raises:
            ConfigurationError: a bot of this name is there.
        """
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """What the use cases work with."""

    schema: SchemaMigrator
    secrets: SecretStore
    bots: BotRegistry
    clock: Clock


@dataclass(frozen=True, slots=True)
class Deployment:
    """What this deployment is to have.

    Attributes:
        master_secret_id: the login that may create roles; empty where there is none.
        venue, account, mode: of our own bot.
    """

    master_secret_id: str
    webhook_secret_id: str
    venue: str
    account: str
    mode: str


def bootstrap(deployment: Deployment, ports: Ports) -> dict[str, str]:
    """Create what is missing: roles, schema, the first webhook key, the first-party bot.

    Returns:
        what became of each part.

    Raises:
        LedgerUnavailableError: the schema could not be migrated.
    """
    return {
        "schema": bring_up_schema(deployment.master_secret_id, ports.schema, ports.secrets),
        "webhook_key": fill_webhook_key(deployment.webhook_secret_id, ports.secrets),
        "bot": register_first_party(deployment, ports.bots, ports.clock),
    }


def bring_up_schema(master_secret_id: str, schema: SchemaMigrator, secrets: SecretStore) -> str:
    """Migrate the schema; where ``migrator`` cannot log in yet, create the roles as the master user first.

    Raises:
        LedgerUnavailableError: the schema could not be migrated.
    """
    try:
        return schema.migrate()
    except LedgerUnavailableError:
        if not master_secret_id:
            raise
    master = json.loads(secrets.read(master_secret_id))
    schema.create_roles(master["username"], master["password"])
    return schema.migrate()


def fill_webhook_key(secret_id: str, secrets: SecretStore) -> str:
    """Put a random key into the secret unless it has one."""
    try:
        keys = json.loads(secrets.read(secret_id)).get("webhook_keys")
    except (ValueError, AttributeError):
        keys = None
    if keys:
        return "kept"
    key = "whsec_" + b64encode(token_bytes(KEY_BYTES)).decode()
    secrets.write(secret_id, json.dumps({"webhook_keys": [key]}))
    return "created"


def register_first_party(deployment: Deployment, bots: BotRegistry, clock: Clock) -> str:
    """Register our own bot unless it is there.

    Its keys are known by their form. Other orders on its account are somebody's own, hence ``mixed``.
    """
    if bots.get(FIRST_PARTY_BOT) is not None:
        return "kept"
    now = clock.now()
    record = BotRecord.model_validate(
        {
            "bot_id": FIRST_PARTY_BOT,
            "source": "sighook",
            "venue": deployment.venue,
            "account": deployment.account,
            "mode": deployment.mode,
            "expects_signals": "mixed",
            "linked_since": now,
            "updated_at": now,
        }
    )
    try:
        bots.add(record)
    except ConfigurationError:  # another deployment was faster
        return "kept"
    return "created"
