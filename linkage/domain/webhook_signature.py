"""Signatures of the Standard Webhooks specification, made and verified over raw bytes.

The signed text is ``id.timestamp.body``; the header holds ``v1,<base64 of HMAC-SHA256>``, several of
them while keys are rotated. See https://www.standardwebhooks.com. Svix, where the specification comes
from, calls the same three headers ``svix-*``; they are taken as well.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from linkage.domain.errors import ConfigurationError, SignatureError

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

_SPELLINGS = (
    (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER),
    ("svix-id", "svix-timestamp", "svix-signature"),
)

TOLERANCE_SECONDS = 300
MAX_SIGNATURES = 10
SECRET_PREFIX = "whsec_"  # noqa: S105 - how secrets begin, not a secret
MIN_SECRET_BYTES, MAX_SECRET_BYTES = 24, 64

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TIMESTAMP = re.compile(r"[0-9]{10}")


class UnknownSignatureError(SignatureError):
    """Well-formed and in time, but made with none of the secrets at hand."""


class SignedHeaders(NamedTuple):
    """The three headers of a signed message, as they came; empty where one is missing."""

    message_id: str
    timestamp: str
    signatures: str


def signed_headers(headers: Mapping[str, str]) -> SignedHeaders | None:
    """Return the headers of a signature; None when the message has none.

    All three are of one spelling: ``webhook-*`` where that has a signature, whatever ``svix-*`` says beside
    it. What one spelling lacks is never taken from the other.

    Args:
        headers: of the message, by lower-case name.
    """
    for names in _SPELLINGS:
        if names[-1] in headers:
            return SignedHeaders(*(headers.get(name, "") for name in names))
    return None


def decode_secret(text: str) -> bytes:
    """Return the bytes of a secret ``whsec_<base64>``.

    Raises:
        ConfigurationError: it does not have that form, or not 24 to 64 bytes.
    """
    try:
        secret = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigurationError("a webhook key is not base64", "webhook_keys") from None
    if not text.startswith(SECRET_PREFIX) or not MIN_SECRET_BYTES <= len(secret) <= MAX_SECRET_BYTES:
        raise ConfigurationError("a webhook key is not whsec_ and 24 to 64 bytes", "webhook_keys")
    return secret


def sign(message_id: str, timestamp: int, body: bytes, secrets: Sequence[bytes]) -> str:
    """Return the signature header of a message: one signature for each secret."""
    return " ".join(_signature(message_id, str(timestamp), body, secret) for secret in secrets)


def verify(
    message_id: str,
    timestamp: str,
    signatures: str,
    body: bytes,
    *,
    secrets: Sequence[bytes],
    now: datetime,
) -> None:
    """Return when one of the signatures is right.

    Every secret is tried against every signature whatever has matched before, so that the time taken
    reveals nothing. A signature is compared as the text that it has to be, which leaves base64 no second
    spelling.

    Args:
        message_id, timestamp, signatures: the three headers, as they came.
        body: the raw bytes of the body.
        secrets: all that are valid at present.
        now: aware time of the receiver.

    Raises:
        UnknownSignatureError: no signature matches.
        SignatureError: a header is malformed, or the timestamp is more than five minutes off, early or late.
    """
    if not _ID.fullmatch(message_id):
        raise SignatureError("webhook-id is malformed")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureError("webhook-timestamp is malformed")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        raise SignatureError("webhook-timestamp is out of tolerance")
    given = signatures.split(" ")
    if len(given) > MAX_SIGNATURES:
        raise SignatureError("webhook-signature holds too many signatures")
    matched = False
    for secret in secrets:
        right = _signature(message_id, timestamp, body, secret).encode()
        for signature in given:
            matched |= hmac.compare_digest(right, signature.encode("utf-8", "replace"))
    if not matched:
        raise UnknownSignatureError("webhook-signature matches no key")


def _signature(message_id: str, timestamp: str, body: bytes, secret: bytes) -> str:
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
