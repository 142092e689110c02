"""The key of a signal whose sender chose none: a function of its evidence, the same on each retry.

docs/bots.md publishes the function in Python and JavaScript, so that a bot can compute the key itself.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

from linkage.domain.ids import ClientOrderId

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VERSION_DIGIT = 12


def key_from_evidence(
    *,
    bot_id: str,
    strategy: str | None,
    snapshot_id: UUID | None,
    symbol: str,
    side: str,
    trigger: str | None,
    signalled_at: datetime,
) -> ClientOrderId:
    """Return 32 lower-case hex digits, legal as a client order id at every venue that we know.

    The thirteenth digit is 5. Keys of our own form have an 8 there, so this one never looks like ours.

    Args:
        symbol: normalised, ``BASE-QUOTE``.
        signalled_at: aware time of the decision; milliseconds count.
    """
    parts = (
        "linkage:signal-key:v1", bot_id, strategy or "", str(snapshot_id or ""), symbol, side, trigger or "",
        str((signalled_at - _EPOCH) // timedelta(milliseconds=1)),
    )  # fmt: skip
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return ClientOrderId(digest[:_VERSION_DIGIT] + "5" + digest[_VERSION_DIGIT + 1 : 32])
