"""A certificate authority for one server on this machine. Its key is thrown away after one signature."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


def write_server_certificate(
    folder: Path,
    *,
    names: Sequence[str] = ("127.0.0.1", "localhost"),
    valid_from: datetime | None = None,
    days: int = 30,
) -> None:
    """Write ``ca.pem``, ``server.pem`` and ``server.key`` into a folder.

    Args:
        names: host names and addresses that the certificate is for.
        valid_from: aware; an hour ago when None.
        days: how long it is valid.
    """
    start = valid_from or datetime.now(UTC) - timedelta(hours=1)
    authority = trustme.CA(organization_name="linkage local authority")
    server = authority.issue_cert(*names, not_before=start, not_after=start + timedelta(days=days))
    folder.mkdir(parents=True, exist_ok=True)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server.cert_chain_pems[0].write_to_path(folder / "server.pem")
    key_file = folder / "server.key"
    key_file.touch(mode=0o600)  # nobody else may read the key, not even for a moment
    server.private_key_pem.write_to_path(key_file)
