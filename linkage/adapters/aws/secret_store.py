"""Secrets Manager, for whoever deploys."""

from __future__ import annotations

from typing import Any


class SecretsManagerStore:
    """A ``SecretStore``.

    Args:
        client: a boto3 Secrets Manager client.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def read(self, secret_id: str) -> str:
        """Return a secret's text."""
        return str(self._client.get_secret_value(SecretId=secret_id)["SecretString"])

    def write(self, secret_id: str, text: str) -> None:
        """Replace a secret's text."""
        self._client.put_secret_value(SecretId=secret_id, SecretString=text)
