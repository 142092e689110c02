"""``linkage bot``: who may post, and under which name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from pydantic import ValidationError

from cli.bot_instructions import instructions
from cli.bot_receiver import check_receiver
from cli.cloud import Cloud, CommandError, JsonOption, cloud_of
from cli.output import print_json, print_table, say
from linkage.adapters.dynamodb.bots import DynamoBotDirectory
from linkage.contracts.signals import BotRecord
from linkage.contracts.validation import invalid_input
from linkage.domain.canonical import parse_utc
from linkage.domain.errors import ConfigurationError
from linkage.domain.ids import FIRST_PARTY_BOT, BotId
from linkage.domain.tokens import hash_token, make_token
from linkage.sources.registry import SOURCE_NAMES

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

app = typer.Typer(help="Register bots and their tokens.", no_args_is_help=True)


class Mode(StrEnum):
    """What a bot trades with. Figures of different modes are never added up."""

    LIVE = "live"
    PAPER = "paper"
    TEST = "test"


class Expects(StrEnum):
    """Whether each of a bot's orders has a signal."""

    YES = "yes"
    NO = "no"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Registration:
    """The registration of a bot.

    Attributes:
        client_id_pattern: regular expression that the bot's client order ids match, and no one else's.
        forward_url: where its posts are forwarded to, once they are stored.
        insecure: the receiver may be reached without TLS.
        forward_authorization: the receiver gets the bot's Authorization header, token and all.
        time_zone: IANA zone of its timestamps that have none.
        linked_since: older orders are not expected to be linked; the present when None.
    """

    name: str
    source: str
    venue: str
    account: str
    mode: str = "live"
    expects_signals: str = "yes"
    client_id_pattern: str | None = None
    forward_url: str | None = None
    insecure: bool = False
    forward_authorization: bool = False
    time_zone: str | None = None
    book: str | None = None
    linked_since: datetime | None = None


def register(
    directory: DynamoBotDirectory, wanted: Registration, *, now: datetime, loopback: bool = False
) -> tuple[BotRecord, str]:
    """Add a bot and return its record and its token. The token is nowhere else.

    Args:
        directory: of the stage.
        wanted: the bot.
        now: aware UTC.
        loopback: whether its receiver may be on this machine, as in the local stage.

    Raises:
        ConfigurationError: something about it is wrong, or the name is taken; names the option.
    """
    if not _NAME.fullmatch(wanted.name):
        raise ConfigurationError("a bot's name has small letters, digits, - and _ only, up to 64", "name")
    if wanted.name == FIRST_PARTY_BOT:
        raise ConfigurationError(f"{FIRST_PARTY_BOT} is the deployment's own bot", "name")
    _check_pattern(wanted.client_id_pattern)
    if wanted.forward_url is not None:
        check_receiver(wanted.forward_url, insecure=wanted.insecure, loopback=loopback)
    elif wanted.forward_authorization or wanted.insecure:
        raise ConfigurationError("without --forward-url nothing is forwarded", "forward_url")
    _check_zone(wanted.time_zone)
    token = make_token()
    try:
        record = BotRecord.model_validate(
            {
                "bot_id": wanted.name,
                "source": wanted.source,
                "venue": wanted.venue,
                "account": wanted.account,
                "mode": wanted.mode,
                "expects_signals": wanted.expects_signals,
                "client_id_pattern": wanted.client_id_pattern,
                "forward_url": wanted.forward_url,
                "forward_authorization": wanted.forward_authorization,
                "time_zone": wanted.time_zone,
                "book": wanted.book,
                "linked_since": wanted.linked_since or now,
                "token_hashes": [hash_token(token)],
                "updated_at": now,
            }
        )
    except ValidationError as error:
        raise invalid_input(error) from None
    directory.add(record)
    return record, token


def renew_token(
    directory: DynamoBotDirectory, name: str, *, now: datetime, keep_previous: bool = True
) -> tuple[BotRecord, str]:
    """Give a bot a new token and return it.

    The previous one is valid until the next rotation, unless it is not kept.
    """
    token = make_token()
    record = directory.rotate(BotId(name), hash_token(token), at=now, keep_previous=keep_previous)
    return record, token


def directory_of(cloud: Cloud) -> DynamoBotDirectory:
    """Return the stage's directory of bots."""
    return DynamoBotDirectory(cloud.output("TableName"), cloud.client("dynamodb"))


def _known_source(name: str) -> str:
    if name not in SOURCE_NAMES:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(map(repr, SOURCE_NAMES))}.")
    return name


ForwardUrlOption = Annotated[
    str | None, typer.Option(help="URL that its posts are forwarded to, once they are stored.")
]
InsecureOption = Annotated[
    bool, typer.Option("--insecure", help="That receiver may be reached by http, without TLS.")
]
ForwardAuthorizationOption = Annotated[
    bool, typer.Option("--forward-authorization", help="That receiver gets the bot's token as well.")
]


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The bot's name in every table and report, e.g. matrix.")],
    source: Annotated[
        str,
        typer.Option(
            help="Payload format.",
            metavar="|".join(SOURCE_NAMES),
            autocompletion=lambda: list(SOURCE_NAMES),
            callback=_known_source,
        ),
    ],
    venue: Annotated[str, typer.Option(help="Venue that it trades at, e.g. coinbase.")],
    account: Annotated[str, typer.Option(help="Account at the venue.")] = "main",
    mode: Annotated[
        Mode, typer.Option(help="Trading mode. Figures of different modes are never added up.")
    ] = Mode.LIVE,
    expects_signals: Annotated[
        Expects,
        typer.Option(help="Orders that have a signal: all, none, or those that --client-id-pattern matches."),
    ] = Expects.YES,
    client_id_pattern: Annotated[
        str | None, typer.Option(help="Regular expression that its client order ids match.")
    ] = None,
    forward_url: ForwardUrlOption = None,
    insecure: InsecureOption = False,
    forward_authorization: ForwardAuthorizationOption = False,
    time_zone: Annotated[
        str | None,
        typer.Option(
            help="IANA time zone of its timestamps without one. Default: such timestamps are refused."
        ),
    ] = None,
    book: Annotated[str | None, typer.Option(help="Book that its lots belong to.")] = None,
    linked_since: Annotated[
        str | None,
        typer.Option(help="Orders before it need no link; ISO time with a zone. Default: now."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Register a bot; print its URL, its token and its setup."""
    cloud = cloud_of(context)
    wanted = Registration(
        name=name,
        source=source,
        venue=venue,
        account=account,
        mode=mode.value,
        expects_signals=expects_signals.value,
        client_id_pattern=client_id_pattern,
        forward_url=forward_url,
        insecure=insecure,
        forward_authorization=forward_authorization,
        time_zone=time_zone,
        book=book,
        linked_since=_time(linked_since),
    )
    is_local = cloud.stage == "local"
    record, token = register(directory_of(cloud), wanted, now=datetime.now(UTC), loopback=is_local)
    _show_token(record, token, cloud, as_json)


@app.command("list")
def list_bots(
    context: typer.Context,
    removed: Annotated[bool, typer.Option("--removed", help="Include removed bots.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the bots."""
    records = directory_of(cloud_of(context)).all(removed=removed)
    if as_json:
        shown = [record.model_dump(mode="json", exclude={"token_hashes"}) for record in records]
        print_json(
            [bot | {"tokens": len(record.token_hashes)} for bot, record in zip(shown, records, strict=True)]
        )
        return
    columns = ("bot", "source", "trades at", "mode", "signals", "tokens", "forwards to")
    rows = [
        (
            f"{record.bot_id} (removed)" if record.removed else record.bot_id,
            record.source,
            f"{record.venue}/{record.account}",
            record.mode,
            record.expects_signals,
            len(record.token_hashes),
            record.forward_url,
        )
        for record in records
    ]
    print_table(columns, rows)


@app.command()
def rotate(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the bot.")],
    at_once: Annotated[bool, typer.Option("--at-once", help="Revoke the old token now.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print a new token; the old one is valid until the next rotation."""
    cloud = cloud_of(context)
    record, token = renew_token(directory_of(cloud), name, now=datetime.now(UTC), keep_previous=not at_once)
    _show_token(record, token, cloud, as_json)


@app.command()
def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the bot.")],
    as_json: JsonOption = False,
) -> None:
    """Revoke a bot's tokens; its history stays in the ledger."""
    record = directory_of(cloud_of(context)).remove(BotId(name), at=datetime.now(UTC))
    if as_json:
        print_json({"bot_id": record.bot_id, "removed": True})
    else:
        say(f"{record.bot_id} is removed; its tokens are not valid any more.")


def _show_token(record: BotRecord, token: str, cloud: Cloud, as_json: bool) -> None:
    guide = instructions(record, api_url=cloud.api_url, token=token)
    if as_json:
        print_json({"bot_id": record.bot_id, "url": guide.url, "token": token, "paste": guide.text})
        return
    typer.echo(f"bot    {record.bot_id} ({record.source}, {record.venue}/{record.account}, {record.mode})")
    typer.echo(f"url    {guide.url}")
    typer.echo(f"token  {token}")
    typer.echo("       It is shown this once; linkage keeps its hash only.\n")
    typer.echo(guide.text)


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_utc(text)
    except ValueError as error:
        raise CommandError(f"--linked-since: {error}") from None


def _check_pattern(pattern: str | None) -> None:
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise ConfigurationError(f"--client-id-pattern: {error}", "client_id_pattern") from None


def _check_zone(zone: str | None) -> None:
    try:
        ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigurationError(f"--time-zone: there is no zone {zone!r}", "time_zone") from None
