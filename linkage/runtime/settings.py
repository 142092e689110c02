"""Settings: one typed field per environment variable, read once, when the handler is first called.

A field ``table_name`` is read from ``LINKAGE_TABLE_NAME``. Infrastructure imports these models and a
test proves that what it deploys is exactly what they name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from linkage.domain.errors import ConfigurationError

PREFIX = "LINKAGE_"


class Settings(BaseModel):
    """Base of every function's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the settings from environment variables.

        Raises:
            ConfigurationError: one is missing or wrong; names it.
        """
        source = os.environ if environ is None else environ
        values = {
            name: source[variable]
            for name in cls.model_fields
            if source.get(variable := variable_name(name), "") != ""
        }
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            name = variable_name(str(first["loc"][0])) if first["loc"] else ""
            raise ConfigurationError(f"{name}: {first['msg']}", field=name) from None


class DatabaseSettings(Settings):
    """How a function reaches PostgreSQL, always over verified TLS.

    ``iam`` signs a token locally for every connection; ``password`` is for the local stage only.
    """

    db_host: str
    db_port: int = 5432
    db_name: str = "linkage"
    db_user: str
    db_auth: Literal["iam", "password"] = "iam"
    db_password: SecretStr | None = None
    db_ca_file: str = "rds-ca.pem"


def variable_name(field: str) -> str:
    """Return the environment variable of a field."""
    return PREFIX + field.upper()
