"""Who sent something."""

from __future__ import annotations

from dataclasses import dataclass


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
        forward_authorization: whether that receiver gets the sender's Authorization header.
    """

    bot_id: str
    first_party: bool = False
    source: str = "generic"
    venue: str | None = None
    account: str | None = None
    time_zone: str | None = None
    forward_url: str | None = None
    forward_authorization: bool = False
