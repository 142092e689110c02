"""Entry point of ``bootstrap``: what a deployment needs once it stands. It runs outside the VPC.

Each part is done only where it is missing, so every deployment may run it again.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from secrets import token_bytes
from typing import Any

from functions.migrate.settings import BootstrapSettings
from linkage.adapters.dynamodb.bots import DynamoBotDirectory
from linkage.contracts.signals import BotRecord
from linkage.domain.errors import ConfigurationError, LedgerUnavailableError
from linkage.domain.ids import FIRST_PARTY_BOT
from linkage.ports.clock import Clock
from linkage.runtime import aws
from linkage.runtime.dependencies import once
from linkage.runtime.observability import SystemClock, make_logger

KEY_BYTES = 48
MIGRATE_SECONDS = 120.0

Invoke = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@once
def _settings() -> BootstrapSettings:
    return BootstrapSettings.load()


def bootstrap(_event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Create what is missing: roles, schema, the first webhook key, the first-party bot."""
    settings = _settings()
    secrets = aws.client("secretsmanager")
    done = {
        "schema": bring_up_schema(settings, secrets, _invoke_migrate),
        "webhook_key": fill_webhook_key(settings.secret_id, secrets),
        "bot": register_first_party(
            settings, DynamoBotDirectory(settings.table_name, aws.client("dynamodb")), SystemClock()
        ),
    }
    make_logger("bootstrap", level=settings.log_level, stage=settings.stage).info(
        "Deployment bootstrapped", extra=done
    )
    return done


def bring_up_schema(settings: BootstrapSettings, secrets: Any, invoke: Invoke) -> str:
    """Migrate the schema; where ``migrator`` cannot log in yet, create the roles as the master user first.

    Raises:
        LedgerUnavailableError: the schema could not be migrated.
    """
    try:
        return str(invoke({"op": "migrate"})["outcome"])
    except LedgerUnavailableError:
        if not settings.master_secret_id:
            raise
    master = json.loads(secrets.get_secret_value(SecretId=settings.master_secret_id)["SecretString"])
    invoke({"op": "create_roles", "master": {name: master[name] for name in ("username", "password")}})
    return str(invoke({"op": "migrate"})["outcome"])


def fill_webhook_key(secret_id: str, secrets: Any) -> str:
    """Put a random key into the secret unless it has one."""
    present = secrets.get_secret_value(SecretId=secret_id)["SecretString"]
    try:
        keys = json.loads(present).get("webhook_keys")
    except (ValueError, AttributeError):
        keys = None
    if keys:
        return "kept"
    key = "whsec_" + b64encode(token_bytes(KEY_BYTES)).decode()
    secrets.put_secret_value(SecretId=secret_id, SecretString=json.dumps({"webhook_keys": [key]}))
    return "created"


def register_first_party(settings: BootstrapSettings, bots: DynamoBotDirectory, clock: Clock) -> str:
    """Register our own bot unless it is there.

    Its keys are known by their form. Other orders on its account are somebody's own, hence ``mixed``.
    """
    now = clock.now()
    record = BotRecord.model_validate(
        {
            "bot_id": FIRST_PARTY_BOT,
            "source": "sighook",
            "venue": settings.venue,
            "account": settings.account,
            "mode": settings.mode,
            "expects_signals": "mixed",
            "linked_since": now,
            "updated_at": now,
        }
    )
    if bots.get(FIRST_PARTY_BOT) is not None:
        return "kept"
    try:
        bots.add(record)
    except ConfigurationError:  # another deployment was faster
        return "kept"
    return "created"


def _invoke_migrate(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    reply = aws.client("lambda", read_timeout=MIGRATE_SECONDS, max_attempts=1).invoke(
        FunctionName=_settings().migrate_function, Payload=json.dumps(payload).encode()
    )
    body: dict[str, Any] = json.loads(reply["Payload"].read() or b"{}")
    if reply.get("FunctionError"):
        # The message may quote what was sent; its type tells enough.
        raise LedgerUnavailableError(f"migrate failed with {body.get('errorType', 'an unknown error')}")
    return body
