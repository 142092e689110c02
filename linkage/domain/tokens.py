"""Bearer tokens of bots: made once, shown once, kept only as a hash."""

from __future__ import annotations

import hashlib
import re
import secrets

TOKEN_PREFIX = "lkt_"  # noqa: S105 - how tokens begin, not a token
_TOKEN = re.compile(r"lkt_[A-Za-z0-9_-]{43}")


def make_token() -> str:
    """Return a new token: ``lkt_`` and 32 random bytes in URL-safe base64."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """Return what is kept of a token: its SHA-256, 64 hex digits. 256 random bits need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_token(text: str) -> bool:
    """Tell whether a text has the form of a token, before anybody looks it up."""
    return _TOKEN.fullmatch(text) is not None
