"""The identifiers of the field, each a type of its own."""

from __future__ import annotations

from typing import NewType
from uuid import UUID

BotId = NewType("BotId", str)
"""A registered program, e.g. ``sighook`` or ``grid1``."""

ClientOrderId = NewType("ClientOrderId", str)
"""The key of a signal, chosen before its order exists; normalised by ``keys.normalise_key``."""

OrderId = NewType("OrderId", str)
"""Unique over all venues; built by ``keys.global_order_id``."""

SnapshotId = NewType("SnapshotId", UUID)
"""UUIDv5 over the canonical JSON of one complete set of parameters."""

RunId = NewType("RunId", UUID)
"""UUIDv5 of (strategy, scheduled time): a doubled schedule is the same run."""

FIRST_PARTY_BOT = BotId("sighook")
"""The bot that is ours. Only its signed route may store keys of our own form."""
