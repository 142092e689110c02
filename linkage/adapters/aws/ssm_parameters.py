"""The parameter document in SSM Parameter Store."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from linkage.domain.errors import StoreUnavailableError
from linkage.strategy.arms import overridden


class SsmParameters:
    """``ParameterSource``: read at every run, so that a change counts from the next one.

    Args:
        name: of the parameter; it need not exist.
        client: a boto3 SSM client.
        override: a TOML or JSON document whose fields take precedence; empty is none.

    Raises:
        ConfigurationError: the override cannot be read.
    """

    def __init__(self, name: str, client: Any, *, override: str = "") -> None:
        self._name = name
        self._client = client
        self._override = override
        overridden(None, override)

    def document(self) -> str | None:
        """Return the document; see ``ports.parameters.ParameterSource``."""
        return overridden(self._stored(), self._override)

    def _stored(self) -> str | None:
        try:
            reply = self._client.get_parameter(Name=self._name, WithDecryption=True)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code == "ParameterNotFound":
                return None
            raise StoreUnavailableError(f"the parameter document cannot be read: {code}") from error
        except BotoCoreError as error:
            name = type(error).__name__
            raise StoreUnavailableError(f"the parameter document cannot be read: {name}") from error
        text = str(reply["Parameter"]["Value"])
        return text if text.strip() else None
