"""``linkage secret``: the keys that sign our own posts to the webhook."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any

import typer

from cli.cloud import CommandError, JsonOption, cloud_of
from cli.output import print_json
from linkage.domain.errors import ConfigurationError
from linkage.domain.webhook_signature import SECRET_PREFIX, decode_secret

KEY_BYTES = 48

app = typer.Typer(help="Rotate the keys of the signed route.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Rotate the keys of the signed route."""


def rotate_keys(client: Any, secret_id: str) -> int:
    """Put a new random key before the current one, drop the rest, and return how many there are.

    Both sides cache keys for five minutes. Nothing is refused meanwhile: senders sign with every key that
    they know, and the webhook takes each.

    Args:
        client: a boto3 Secrets Manager client.
        secret_id: of ``{"webhook_keys": [...]}``, current key first.
    """
    try:
        document = json.loads(client.get_secret_value(SecretId=secret_id)["SecretString"])
        present = [str(key) for key in document["webhook_keys"]]
        for key in present:
            decode_secret(key)
    except (ValueError, KeyError, TypeError, ConfigurationError):
        raise CommandError("the secret holds no webhook keys; deploy this stage first") from None
    new = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    document["webhook_keys"] = [new, *present[:1]]
    client.put_secret_value(SecretId=secret_id, SecretString=json.dumps(document))
    return len(document["webhook_keys"])


@app.command()
def rotate(context: typer.Context, as_json: JsonOption = False) -> None:
    """Make a new key; the previous one is valid until the next rotation. Wait five minutes between two."""
    cloud = cloud_of(context)
    valid = rotate_keys(cloud.client("secretsmanager"), cloud.output("SecretArn"))
    if as_json:
        print_json({"valid_keys": valid})
    else:
        typer.echo(f"the webhook keys are rotated; {valid} are valid")
