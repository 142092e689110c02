"""Cached AWS clients with explicit time-outs and retries.

botocore's own defaults, a minute to connect and a minute to read, are longer than most functions live.
"""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from linkage.runtime.dependencies import once


@once
def client(
    service: str, *, connect_timeout: float = 1.0, read_timeout: float = 3.0, max_attempts: int = 3
) -> Any:
    """Return the process's one client of a service with these limits.

    Endpoints are taken from ``AWS_ENDPOINT_URL`` and ``AWS_ENDPOINT_URL_<SERVICE>`` where they are set.

    Args:
        service: name as boto3 spells it, e.g. ``dynamodb``.
        connect_timeout: seconds until a connection must be there, per attempt.
        read_timeout: seconds between two bytes of an answer, per attempt.
        max_attempts: first attempt included; 1 is no retry.
    """
    return boto3.client(
        service,
        config=Config(
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            retries={"mode": "standard", "total_max_attempts": max_attempts},
            tcp_keepalive=True,
        ),
    )
