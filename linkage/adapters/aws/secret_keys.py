"""The keys of our own signed route, from Secrets Manager, with a cache."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from linkage.domain.errors import ConfigurationError, StoreUnavailableError
from linkage.domain.webhook_signature import decode_secret
from linkage.ports.clock import Clock

MAX_AGE = timedelta(minutes=5)
MIN_INTERVAL = timedelta(seconds=30)


class SecretKeys:
    """``WebhookKeys`` of one secret, read when first needed and every five minutes.

    A read that fails keeps the keys that are known: a refusal of good messages would be worse than a
    key that was taken away some minutes ago. Reads, failed ones too, are thirty seconds apart at least,
    whoever asks: an attacker's unknown signatures cost nothing.

    Args:
        secret_id: name or ARN of ``{"webhook_keys": ["whsec_…", …]}``, current key first.
        client: a boto3 Secrets Manager client.
        clock: by which the cache's age is known.
    """

    def __init__(self, secret_id: str, client: Any, clock: Clock) -> None:
        self._secret_id = secret_id
        self._client = client
        self._clock = clock
        self._keys: tuple[bytes, ...] = ()
        self._tried_at: datetime | None = None
        self._read_at: datetime | None = None

    def current(self) -> Sequence[bytes]:
        """Return all valid keys, current one first.

        Raises:
            StoreUnavailableError: they were never read, and cannot be read now.
            ConfigurationError: what is in the secret are no keys.
        """
        now = self._clock.now()
        if self._read_at is None:
            self._read(now)
        elif now - self._read_at >= MAX_AGE:
            self.refresh()
        return self._keys

    def refresh(self) -> bool:
        """Read the keys again unless that was tried just now; True when they changed."""
        now = self._clock.now()
        if self._tried_at is not None and now - self._tried_at < MIN_INTERVAL:
            return False
        before = self._keys
        try:
            self._read(now)
        except (StoreUnavailableError, ConfigurationError):
            return False
        return self._keys != before

    def _read(self, now: datetime) -> None:
        self._tried_at = now
        try:
            text = self._client.get_secret_value(SecretId=self._secret_id)["SecretString"]
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            raise StoreUnavailableError(f"the webhook keys cannot be read: {code}") from error
        except BotoCoreError as error:
            raise StoreUnavailableError(f"the webhook keys cannot be read: {type(error).__name__}") from error
        self._keys = _decode(text)
        self._read_at = now


def _decode(text: str) -> tuple[bytes, ...]:
    try:
        keys = json.loads(text)["webhook_keys"]
        decoded = tuple(decode_secret(str(key)) for key in keys)
    except (ValueError, KeyError, TypeError):
        decoded = ()
    if not decoded:
        raise ConfigurationError("the secret holds no webhook keys", "webhook_keys")
    return decoded
