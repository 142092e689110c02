"""The webhook's use cases: know the caller, understand what it says, store it, and only then pass it on.

A signal is durable before anything may place its order. Where the webhook stands before another
receiver it stores first and forwards the unchanged body after that; ``forwarding.py`` has the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ValidationError

from functions.webhook.forwarding import Forward, Tee, TeeTimes
from linkage.contracts.signals import UNREADABLE, BotRecord, Signal, SnapshotDescription, StoredSignal
from linkage.contracts.validation import invalid_input
from linkage.domain.canonical import iso_utc
from linkage.domain.errors import (
    InvalidInputError,
    KeyReusedError,
    NotAllowedError,
    SignatureError,
)
from linkage.domain.evidence import key_from_evidence
from linkage.domain.facts import SignalKey
from linkage.domain.ids import FIRST_PARTY_BOT, BotId, ClientOrderId
from linkage.domain.instruments import normalise_symbol
from linkage.domain.keys import is_ours
from linkage.domain.snapshots import Snapshot, make_snapshot
from linkage.domain.tokens import hash_token, is_token
from linkage.domain.webhook_signature import (
    SignedHeaders,
    UnknownSignatureError,
    signed_headers,
    verify,
)
from linkage.ports.bots import BotDirectory
from linkage.ports.clock import Clock
from linkage.ports.forwarding import Forwarder
from linkage.ports.keys import WebhookKeys
from linkage.ports.queue import EventQueue
from linkage.ports.store import SignalStore
from linkage.sources import canonical
from linkage.sources.registry import BY_NAME, GENERIC
from linkage.sources.sender import Sender

FORWARDED_HEADERS = ("content-type", "user-agent")
"""The bot's token is for us, and goes no further unless its owner said so."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What the use cases work with."""

    store: SignalStore
    bots: BotDirectory
    keys: WebhookKeys
    queue: EventQueue
    forwarder: Forwarder
    clock: Clock
    tee_times: TeeTimes


@dataclass(frozen=True, slots=True)
class SignalTaken:
    """A signal is in the store.

    Attributes:
        outcome: ``repeated`` when it had been there with the same meaning.
        symbol_known: whether its spelling was understood.
        unreadable: what of its evidence was stored as null, with the reason, by its path.
        forward: what became of its way to the receiver behind us.
    """

    bot_id: str
    client_order_id: str
    snapshot_id: UUID | None
    symbol: str
    outcome: Literal["stored", "repeated"]
    symbol_known: bool
    unreadable: Mapping[str, str]
    forward: Forward


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    """A snapshot's description is in the store."""

    bot_id: str
    snapshot_id: str
    config_hash: str
    outcome: Literal["stored", "repeated"]


def identify(headers: Mapping[str, str], body: bytes, ports: Ports) -> Sender:
    """Return who called, by signature or bearer token.

    Args:
        headers: by lower-case name.
        body: the raw bytes that a signature covers.

    Raises:
        SignatureError: neither holds.
    """
    signed = signed_headers(headers)
    if signed is not None:
        _verify(signed, body, ports)
        record = ports.bots.get(FIRST_PARTY_BOT)
        return _sender(record, first_party=True)
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise SignatureError("neither signature nor bearer token")
    return sender_of_token(token.strip(), ports)


def sender_of_token(token: str, ports: Ports) -> Sender:
    """Return the bot that has a token.

    Raises:
        SignatureError: no bot has it.
    """
    record = ports.bots.find_by_token(hash_token(token)) if is_token(token) else None
    if record is None:
        raise SignatureError("unknown token")
    return _sender(record, first_party=False)


def take_signal(
    document: Any, sender: Sender, ports: Ports, *, body: bytes, headers: Mapping[str, str]
) -> SignalTaken:
    """Store a signal, then forward its unchanged body where a receiver stands behind us.

    Raises:
        InvalidInputError: it cannot be understood; names the field.
        NotAllowedError: the sender may not store such a key.
        KeyReusedError: the key is there with another meaning. Nothing is forwarded.
        StoreUnavailableError: nothing is sure to be stored, and nothing was forwarded.
    """
    now = ports.clock.now()
    signal, key_field = read_signal(document, sender, now)
    snapshot, snapshot_id = _snapshot_of(signal)
    key = signal.client_order_id or _key_of(signal, snapshot_id, sender)
    if is_ours(key) and not sender.first_party:
        raise NotAllowedError("keys of this form are made and stored by linkage only", key_field)
    stored = StoredSignal(
        bot_id=sender.bot_id,
        client_order_id=key,
        snapshot_id=snapshot_id,
        signal=signal.model_copy(
            update={"client_order_id": key, "snapshot_id": snapshot_id, "snapshot": None}
        ),
        received_at=now,
    )
    stored_key = SignalKey(BotId(sender.bot_id), ClientOrderId(key))
    # The description goes first: where the signal is, its snapshot's parameters are.
    if snapshot is not None:
        description = SnapshotDescription(
            snapshot_id=snapshot_id,
            strategy=snapshot.strategy or signal.strategy or sender.bot_id,
            parameters=dict(snapshot.parameters),
        )
        _put_description(description, snapshot, sender, ports)
    outcome = ports.store.put_signal(
        stored_key,
        fact=stored.fact_text(),
        meaning=stored.signal.meaning(),
        disposition=signal.disposition,
        received_at=now,
    )
    if outcome == "conflict":
        raise KeyReusedError(sender.bot_id, key, key_field)
    return SignalTaken(
        bot_id=sender.bot_id,
        client_order_id=key,
        snapshot_id=snapshot_id,
        symbol=signal.symbol,
        outcome=outcome,
        symbol_known=normalise_symbol(signal.symbol, signal.venue or "").known,
        unreadable=signal.extra.get(UNREADABLE, {}),
        forward=_forward(stored_key, sender, ports, body=body, headers=headers),
    )


def take_snapshot(document: Any, sender: Sender, ports: Ports) -> SnapshotTaken:
    """Store a snapshot's description.

    Raises:
        InvalidInputError: it cannot be understood, or ours does not have the id of its parameters.
        StoreUnavailableError: it is not sure to be stored.
    """
    try:
        given = SnapshotDescription.model_validate(canonical.fields_of(document))
    except ValidationError as error:
        raise invalid_input(error) from None
    parameters = {"strategy": given.strategy, **given.parameters}
    if given.code_version is not None:
        parameters.setdefault("code_version", given.code_version)
    snapshot = _snapshot(parameters, given.label, field="parameters")
    if given.snapshot_id is not None and sender.first_party and given.snapshot_id != snapshot.snapshot_id:
        raise InvalidInputError("snapshot_id is not the id of these parameters", "snapshot_id")
    description = given.model_copy(update={"parameters": parameters})
    return _put_description(description, snapshot, sender, ports)


def _verify(signed: SignedHeaders, body: bytes, ports: Ports) -> None:
    def check() -> None:
        verify(*signed, body, secrets=ports.keys.current(), now=ports.clock.now())

    try:
        check()
    except UnknownSignatureError:
        # Perhaps the keys were rotated since they were read.
        if not ports.keys.refresh():
            raise
        check()


def _sender(record: str | None, *, first_party: bool) -> Sender:
    if record is None:
        return Sender(bot_id=FIRST_PARTY_BOT, first_party=first_party)
    bot = BotRecord.model_validate_json(record)
    return Sender(
        bot_id=bot.bot_id,
        first_party=first_party,
        source=bot.source,
        venue=bot.venue,
        account=bot.account,
        time_zone=bot.time_zone,
        forward_url=bot.forward_url,
        forward_authorization=bot.forward_authorization,
    )


def read_signal(document: Any, sender: Sender, now: datetime) -> tuple[Signal, str]:
    """Return the signal that a post means, and what its sender calls the key.

    Args:
        document: parsed JSON.
        sender: has the source, and fills in venue and account.
        now: aware UTC; a time more than a day later is refused.

    Raises:
        InvalidInputError: it cannot be understood; names the field.
        NotAllowedError: it speaks for another bot, venue or account.
    """
    fields = canonical.fields_of(document)
    source = BY_NAME.get(sender.source, GENERIC)
    if source.is_native(fields):
        return source.read_signal(fields, sender, now), source.key_field
    return canonical.read_signal(fields, sender, now), canonical.KEY_FIELD


def _snapshot_of(signal: Signal) -> tuple[Snapshot | None, UUID | None]:
    if signal.snapshot is None:
        return None, signal.snapshot_id
    if not signal.snapshot:
        raise InvalidInputError("a snapshot has to hold parameters", "snapshot")
    snapshot = _snapshot(signal.snapshot, None, field="snapshot")
    if signal.snapshot_id is not None and signal.snapshot_id != snapshot.snapshot_id:
        raise InvalidInputError("snapshot_id is not the id of the snapshot beside it", "snapshot_id")
    return snapshot, snapshot.snapshot_id


def _snapshot(parameters: Mapping[str, object], label: str | None, *, field: str) -> Snapshot:
    try:
        return make_snapshot(parameters, label)
    except ValueError as error:  # a number beyond 60 digits
        raise InvalidInputError(str(error), field) from None


def _key_of(signal: Signal, snapshot_id: UUID | None, sender: Sender) -> str:
    return key_from_evidence(
        bot_id=sender.bot_id,
        strategy=signal.strategy,
        snapshot_id=snapshot_id,
        symbol=signal.symbol,
        side=signal.side,
        trigger=signal.trigger,
        signalled_at=signal.signalled_at,
    )


def _put_description(
    description: SnapshotDescription, snapshot: Snapshot, sender: Sender, ports: Ports
) -> SnapshotTaken:
    now = ports.clock.now()
    snapshot_id = str(description.snapshot_id or snapshot.snapshot_id)
    fact = description.fact_text(snapshot, sender.bot_id, iso_utc(now))
    new = ports.store.put_snapshot(snapshot_id, snapshot.config_hash, fact=fact, received_at=now)
    return SnapshotTaken(sender.bot_id, snapshot_id, snapshot.config_hash, "stored" if new else "repeated")


def _forward(
    stored_key: SignalKey, sender: Sender, ports: Ports, *, body: bytes, headers: Mapping[str, str]
) -> Forward:
    if sender.forward_url is None:
        return Forward("none")
    tee = Tee(ports.store, ports.forwarder, ports.clock, ports.tee_times)
    names = FORWARDED_HEADERS + (("authorization",) if sender.forward_authorization else ())
    passed_on = {name: headers[name] for name in names if name in headers}
    return tee.forward(stored_key, sender.forward_url, body, passed_on)
