"""The address of candle files in a bucket, for those who read them and those who permit it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from linkage.domain.errors import ConfigurationError

SCHEME = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# Stars, question marks and dollars would be patterns in a policy.
_PREFIX = re.compile(r"[A-Za-z0-9_.=-]+(/[A-Za-z0-9_.=-]+)*")


@dataclass(frozen=True, slots=True)
class CandleBucket:
    """Where candle files are.

    Attributes:
        bucket: its name.
        prefix: of the files' keys, with a slash at its end; empty where they are at the top.
    """

    bucket: str
    prefix: str

    def __str__(self) -> str:
        """Return the address, as an operator writes it."""
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")


def parse_candle_bucket(address: str) -> CandleBucket:
    """Return what ``s3://bucket/prefix`` names; the prefix may be missing, and may end with a slash.

    Raises:
        ConfigurationError: it is no such address.
    """
    bucket, _, prefix = address.removeprefix(SCHEME).removesuffix("/").partition("/")
    known = address.startswith(SCHEME) and _BUCKET.fullmatch(bucket) is not None
    if not known or (prefix and not _PREFIX.fullmatch(prefix)):
        raise ConfigurationError(f"{address!r} is no s3://bucket/prefix", field="market")
    return CandleBucket(bucket, f"{prefix}/" if prefix else "")
