"""What is running on this machine: one small file, so that every command finds the local cloud."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Self

from infra.folders import ROOT, local_directory

__all__ = ["ROOT", "LocalState", "local_directory"]

FILE_NAME = "state.json"
# Below the local directory: what one run writes, removed when it ends; and logs, kept until the next.
RUN_FOLDER = "cloud"
POSTGRES_FOLDER = "postgres"  # in that of the run
LOG_FOLDER = "logs"


@dataclass(frozen=True, slots=True)
class LocalState:
    """A local cloud that is up, or was when this was written.

    Attributes:
        directory: data, logs and mail of this local cloud.
        endpoint_url: the emulator, for every AWS service, over TLS.
        plain_url: the same without TLS, for curl and for reading the mail.
        ca_file: the authority of that TLS.
        api_url: base URL of the deployed HTTP API, without TLS; empty before the first deployment.
        supervisor_pid: the process that ends all others when it ends; 0 when nobody supervises.
        postgres_passwords: by login; these logins exist on this machine only.
    """

    directory: str
    endpoint_url: str
    region: str
    access_key_id: str
    secret_access_key: str
    plain_url: str = ""
    ca_file: str = ""
    api_url: str = ""
    emulator_pid: int = 0
    supervisor_pid: int = 0
    postgres_port: int = 0
    postgres_ca_file: str = ""
    postgres_passwords: dict[str, str] = field(default_factory=dict)
    deploy_seconds: float = 0.0
    started_at: str = ""

    def save(self) -> Path:
        """Write the file in one piece, readable by its owner only."""
        folder = Path(self.directory)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / FILE_NAME
        draft = folder / f"{FILE_NAME}.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(self), indent=2) + "\n")
        draft.replace(target)
        return target

    @classmethod
    def load(cls, directory: Path | None = None) -> Self | None:
        """Read the file; None when there is none, or none that can be understood."""
        try:
            values = json.loads(((directory or local_directory()) / FILE_NAME).read_text())
            known = {each.name for each in fields(cls)}
            return cls(**{name: value for name, value in values.items() if name in known})
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def remove(self) -> None:
        """Remove the file: nothing is running any more."""
        (Path(self.directory) / FILE_NAME).unlink(missing_ok=True)

    def environment(self) -> dict[str, str]:
        """Return the variables that point any AWS client at this local cloud."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ENDPOINT_URL_S3": self.endpoint_url,
            "AWS_CA_BUNDLE": self.ca_file,
            "NODE_EXTRA_CA_CERTS": self.ca_file,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }
