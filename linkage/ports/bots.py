"""Who may call."""

from __future__ import annotations

from typing import Protocol

from linkage.domain.ids import BotId


class BotDirectory(Protocol):
    """Who may call, and under which name. JSON text of ``contracts.signals.BotRecord``."""

    def find_by_token(self, token_hash: str) -> str | None:
        """Return the bot's record as JSON text, by the SHA-256 of its token; None when unknown."""
        ...

    def get(self, bot_id: BotId) -> str | None:
        """Return the bot's record as JSON text; None when unknown or removed."""
        ...
