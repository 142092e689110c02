"""Items of the hot store (one DynamoDB table): where each lives and which attributes it has.

| kind | pk | sk | body |
|---|---|---|---|
| signal | ``SIGNAL#<bot_id>#<client_order_id>`` | ``SIGNAL`` | ``StoredSignal.fact_text()`` |
| snapshot | ``SNAPSHOT#<snapshot_id>`` | ``SNAPSHOT#<config_hash>`` | ``SnapshotDescription.fact_text()`` |
| run | ``RUN#<run_id>`` | ``RUN`` | ``RunRecord.fact_text()`` |
| bot | ``BOT`` | ``BOT#<bot_id>`` | ``BotRecord.model_dump_json()`` |
| token | ``TOKEN#<sha256 of the token, hex>`` | ``TOKEN`` | none; attribute ``bot_id`` |
| switch | ``SWITCH`` | ``SWITCH#LINKING`` | ``SwitchRecord.fact_text()`` (the latest) |
| state | ``STATE#<strategy>#<arm>`` | ``STATE`` | the strategy's own; attribute ``version`` |
| paper | ``PAPER#<account>`` | ``ORDER#<client_order_id>``, ``BOOK#<symbol>`` | the broker's own |
| report | ``REPORT#<name>#<start>#<end>`` | ``RECIPIENT#<sha256 of the address>`` | none; a claim to mail |

Every item has ``pk, sk, kind, received_at`` (ISO, UTC) and, where it expires, ``expires_at`` (epoch
seconds, the table's TTL attribute). ``body`` is JSON text; the archive passes it on as it is. Signals have
``meaning`` (SHA-256 hex) and ``disposition``. One that goes to a receiver behind us has ``forward_owner`` and
``forward_until`` (epoch milliseconds), its lease, then ``forwarded_at`` or ``forward_refused`` (an HTTP
status). Signals, snapshots and runs have ``hour`` (``2026-11-22T18``), the key of the index ``by_hour``
(hour, received_at; keys only) that the sweep reads.
"""

from __future__ import annotations

PK = "pk"
SK = "sk"
TTL_ATTRIBUTE = "expires_at"
HOUR_INDEX = "by_hour"
HOUR_INDEX_PK = "hour"
HOUR_INDEX_SK = "received_at"

SIGNAL_PREFIX = "SIGNAL#"
SNAPSHOT_PREFIX = "SNAPSHOT#"
RUN_PREFIX = "RUN#"
BOT_PREFIX = "BOT#"
TOKEN_PREFIX = "TOKEN#"  # noqa: S105 - the name of a key, not a secret
STATE_PREFIX = "STATE#"
PAPER_PREFIX = "PAPER#"
REPORT_PREFIX = "REPORT#"
RECIPIENT_PREFIX = "RECIPIENT#"
"""How keys begin; what follows them is in the table above."""

SIGNAL_SK = "SIGNAL"
RUN_SK = "RUN"
TOKEN_SK = "TOKEN"  # noqa: S105 - the name of a key, not a secret
BOT_PK = "BOT"
SWITCH_PK = "SWITCH"
SWITCH_SK = "SWITCH#LINKING"
STATE_SK = "STATE"

SIGNAL_TTL_DAYS = 45
RUN_TTL_DAYS = 45
REPORT_TTL_DAYS = 45
