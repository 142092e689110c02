"""Who sent something, and what that means for what it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from linkage.domain.errors import ConfigurationError, NotAllowedError

PINNED_FIELDS = ("bot_id", "venue", "account")


@dataclass(frozen=True, slots=True)
class Sender:
    """A caller whose credential holds.

    Attributes:
        bot_id: the credential names the bot, never the body.
        first_party: it signed with a key of the deployment: ours.
        source: the format that it speaks.
        venue, account: of its registration; None when ours is not registered.
        time_zone: IANA name of the zone of its times without one; None refuses those.
        forward_url: the receiver behind us, if we are a tee.
    """

    bot_id: str
    first_party: bool = False
    source: str = "generic"
    venue: str | None = None
    account: str | None = None
    time_zone: str | None = None
    forward_url: str | None = None

    def complete(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields with bot, venue and account of the registration where they are absent.

        Raises:
            NotAllowedError: another bot than ours names a bot, venue or account that is not its own.
        """
        completed = dict(fields)
        for name in PINNED_FIELDS:
            own = getattr(self, name)
            given = completed.get(name)
            if given is None:
                if own is not None:
                    completed[name] = own
            elif not self.first_party and given != own:
                raise NotAllowedError(f"this token's bot has another {name}", name)
        return completed

    def with_zone(self, fields: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
        """Return the fields with the bot's time zone in those times that have none."""
        completed = dict(fields)
        if self.time_zone is None:
            return completed
        for name in names:
            if name in completed:
                completed[name] = _in_zone(completed[name], self.time_zone)
        return completed


def _in_zone(value: Any, zone: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return value
    if moment.tzinfo is not None:
        return value
    try:
        return moment.replace(tzinfo=ZoneInfo(zone)).isoformat()
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigurationError(f"unknown time zone {zone!r}", "time_zone") from None
