"""What a bot's owner pastes where, by the bot's source."""

from __future__ import annotations

from dataclasses import dataclass

from linkage.contracts.signals import BotRecord
from linkage.sources.registry import BY_NAME, GENERIC


@dataclass(frozen=True, slots=True)
class Guide:
    """Where the bot posts, and what its owner sets up."""

    url: str
    text: str


def instructions(record: BotRecord, *, api_url: str, token: str) -> Guide:
    """Return the guide of one bot; the token is in it, so it is for its owner's eyes only."""
    source = BY_NAME.get(record.source, GENERIC)
    url = api_url + source.path
    setup = source.setup.format(
        url=url, api=api_url, token=token, venue=record.venue, account=record.account
    ).strip()
    parts = [setup, f"See docs/bots.md#{source.docs}."]
    if source.is_tee or record.forward_url is not None:
        parts.insert(1, _forwarding(record))
    return Guide(url, "\n\n".join(parts))


def _forwarding(record: BotRecord) -> str:
    if record.forward_url is None:
        return (
            "No --forward-url was given: posts are stored and go nowhere. If the order process listened to\n"
            "them until now, remove this bot and add it again with --forward-url."
        )
    token = (
        "with the bot's token"
        if record.forward_authorization
        else "without the Authorization header: the token\n"
        "is for linkage alone (--forward-authorization passes it on)"
    )
    return f"Each post is stored, then forwarded unchanged to {record.forward_url},\n{token}."
