"""``linkage secret rotate``: a new key in front, the one before still valid, neither of them shown."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.cloud import Cloud, CommandError, Options
from cli.main import app
from cli.secret import Rotation, rotate_keys
from linkage.adapters.aws.secret_keys import SecretKeys
from tests.support.clock import FrozenClock

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
OLD, OLDER = b"o" * 48, b"p" * 48


class FakeSecrets:
    """A Secrets Manager with one secret."""

    def __init__(self, text: str) -> None:
        self.text = text

    def get_secret_value(self, **_: str) -> dict[str, str]:
        """Answer as boto3 does."""
        return {"SecretString": self.text}

    def put_secret_value(self, **request: str) -> None:
        """Keep the new text."""
        self.text = request["SecretString"]


class SecretCloud(Cloud):
    """A stage that has a secret."""

    def __init__(self, secrets: FakeSecrets) -> None:
        super().__init__("test")
        self._secrets = secrets

    def client(self, service: str, **_: Any) -> Any:
        """Return the secret's client."""
        assert service == "secretsmanager"
        return self._secrets

    def output(self, name: str) -> str:
        """Return the secret's name."""
        return {"SecretArn": "s"}[name]


def _text(*keys: bytes) -> str:
    return json.dumps({"webhook_keys": ["whsec_" + base64.b64encode(key).decode() for key in keys]})


def test_the_new_key_is_first_and_the_current_one_stays_valid() -> None:
    secrets = FakeSecrets(_text(OLD, OLDER))
    assert rotate_keys(secrets, "s", now=NOW) == Rotation(2, 0)
    new, kept = SecretKeys("s", secrets, FrozenClock()).current()
    assert kept == OLD
    assert len(new) == 48
    assert new not in (OLD, OLDER)


@pytest.mark.parametrize(("seconds", "too_early"), [(0, 300), (40, 260), (299.5, 1), (300, 0), (900, 0)])
def test_a_rotation_before_every_cache_knows_the_last_one_says_so(seconds: float, too_early: int) -> None:
    secrets = FakeSecrets(_text(OLD))
    rotate_keys(secrets, "s", now=NOW)
    again = rotate_keys(secrets, "s", now=NOW + timedelta(seconds=seconds))
    assert again == Rotation(2, too_early)


def test_at_once_leaves_nothing_but_the_new_key() -> None:
    secrets = FakeSecrets(_text(OLD, OLDER))
    assert rotate_keys(secrets, "s", now=NOW, at_once=True) == Rotation(1, 0)
    (new,) = SecretKeys("s", secrets, FrozenClock()).current()
    assert new not in (OLD, OLDER)


def test_the_command_warns_of_a_second_rotation_and_of_a_key_that_is_dropped() -> None:
    options = Options(cloud=SecretCloud(FakeSecrets(_text(OLD))))
    first, second, leaked = (
        CliRunner().invoke(app, ["secret", "rotate", *more], obj=options) for more in ([], [], ["--at-once"])
    )
    assert "warning" not in first.stderr
    assert "younger than five minutes" in second.stderr
    assert (leaked.exit_code, "may still take the" in leaked.stderr) == (0, True)
    assert "1 is valid" in leaked.stdout


def test_the_command_shows_no_key() -> None:
    secrets = FakeSecrets(_text(OLD))
    result = CliRunner().invoke(app, ["secret", "rotate"], obj=Options(cloud=SecretCloud(secrets)))
    assert result.exit_code == 0
    assert "2 are valid" in result.stdout
    assert "whsec_" not in result.output


@pytest.mark.parametrize("text", ["", "{}", '{"webhook_keys": ["placeholder"]}'])
def test_a_secret_without_keys_is_left_as_it_is(text: str) -> None:
    secrets = FakeSecrets(text)
    with pytest.raises(CommandError):
        rotate_keys(secrets, "s", now=NOW)
    assert secrets.text == text
