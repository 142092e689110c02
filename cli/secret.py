"""``linkage secret``: the keys that sign our own posts to the webhook."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Annotated, Any

import typer

from cli.cloud import CommandError, JsonOption, cloud_of
from cli.output import print_json, say
from linkage.adapters.aws.secret_keys import MAX_AGE
from linkage.domain.canonical import iso_utc, parse_utc
from linkage.domain.errors import ConfigurationError
from linkage.domain.webhook_signature import SECRET_PREFIX, decode_secret

KEY_BYTES = 48

app = typer.Typer(help="Rotate the keys of the signed route.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Rotate the keys of the signed route."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did.

    Attributes:
        valid_keys: how many keys are valid now.
        too_early: seconds by which it came before every cache knew the rotation before it; 0 if it did not.
    """

    valid_keys: int
    too_early: int


def rotate_keys(client: Any, secret_id: str, *, now: datetime, at_once: bool = False) -> Rotation:
    """Put a new random key before the current one, and drop the rest.

    Both sides cache keys for five minutes. Nothing is refused meanwhile: senders sign with every key that
    they know, and the webhook takes each. A second rotation within that time drops a key with which a sender
    may still sign.

    Args:
        client: a boto3 Secrets Manager client.
        secret_id: of ``{"webhook_keys": [...], "rotated_at": …}``, current key first.
        now: aware UTC.
        at_once: the current key is dropped too.
    """
    try:
        document = json.loads(client.get_secret_value(SecretId=secret_id)["SecretString"])
        present = [str(key) for key in document["webhook_keys"]]
        for key in present:
            decode_secret(key)
        before = parse_utc(document["rotated_at"]) if "rotated_at" in document else None
    except (ValueError, KeyError, TypeError, ConfigurationError):
        raise CommandError("the secret holds no webhook keys; deploy this stage first") from None
    new = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    document["webhook_keys"] = [new] if at_once else [new, *present[:1]]
    document["rotated_at"] = iso_utc(now)
    client.put_secret_value(SecretId=secret_id, SecretString=json.dumps(document))
    remaining = MAX_AGE - (now - before) if before is not None else timedelta()
    return Rotation(len(document["webhook_keys"]), max(0, ceil(remaining.total_seconds())))


@app.command()
def rotate(
    context: typer.Context,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="The current key leaked: it is not valid any more.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a new key; the previous one is valid until the next rotation. Wait five minutes between two."""
    cloud = cloud_of(context)
    rotation = rotate_keys(
        cloud.client("secretsmanager"), cloud.output("SecretArn"), now=datetime.now(UTC), at_once=at_once
    )
    if at_once:
        say(
            "warning: functions keep keys for five minutes.\n"
            "Until then one that is running may still take the dropped key."
        )
    elif rotation.too_early:
        say(
            "warning: the last rotation is younger than five minutes.\n"
            f"For another {rotation.too_early} s a sender may sign with nothing but the key before it,\n"
            "which is dropped now; such a post is refused."
        )
    if as_json:
        print_json({"valid_keys": rotation.valid_keys})
    else:
        verb = "is" if rotation.valid_keys == 1 else "are"
        typer.echo(f"the webhook keys are rotated; {rotation.valid_keys} {verb} valid")
