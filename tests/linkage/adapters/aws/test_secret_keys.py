"""The webhook's keys: cached for five minutes, never asked for more than twice a minute."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from linkage.adapters.aws.secret_keys import SecretKeys
from linkage.domain.errors import ConfigurationError, StoreUnavailableError
from tests.support.clock import FrozenClock

OLD, NEW = b"o" * 48, b"n" * 48


class FakeSecrets:
    """A Secrets Manager with one secret, that counts how often it is asked."""

    def __init__(self, *keys: bytes) -> None:
        self.asked = 0
        self.failure: Exception | None = None
        self.text = ""
        self.hold(*keys)

    def hold(self, *keys: bytes) -> None:
        """Replace the secret."""
        spelt = ["whsec_" + base64.b64encode(key).decode() for key in keys]
        self.text = json.dumps({"webhook_keys": spelt})

    def get_secret_value(self, **_: str) -> dict[str, Any]:
        """Answer as boto3 does."""
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return {"SecretString": self.text}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


def test_keys_are_read_once_in_five_minutes(clock: FrozenClock) -> None:
    secrets = FakeSecrets(OLD)
    keys = SecretKeys("s", secrets, clock)
    for _ in range(10):
        assert keys.current() == (OLD,)
    assert secrets.asked == 1
    secrets.hold(NEW, OLD)
    clock.advance(timedelta(seconds=299))
    assert keys.current() == (OLD,)
    clock.advance(timedelta(seconds=1))
    assert keys.current() == (NEW, OLD)
    assert secrets.asked == 2


def test_a_refresh_reads_at_most_once_in_thirty_seconds(clock: FrozenClock) -> None:
    secrets = FakeSecrets(OLD)
    keys = SecretKeys("s", secrets, clock)
    keys.current()
    secrets.hold(NEW, OLD)
    assert not keys.refresh()
    clock.advance(timedelta(seconds=30))
    assert keys.refresh()
    assert keys.current() == (NEW, OLD)
    for _ in range(29):
        clock.advance(timedelta(seconds=1))
        assert not keys.refresh()
    assert secrets.asked == 2


@pytest.mark.parametrize(
    "failure",
    [
        ClientError({"Error": {"Code": "InternalServiceError"}}, "GetSecretValue"),
        ConnectTimeoutError(endpoint_url="https://example"),
    ],
)
def test_known_keys_outlast_a_failure_to_read_them_again(clock: FrozenClock, failure: Exception) -> None:
    secrets = FakeSecrets(OLD)
    keys = SecretKeys("s", secrets, clock)
    keys.current()
    secrets.failure = failure
    clock.advance(timedelta(hours=1))
    assert keys.current() == (OLD,)
    assert not keys.refresh()
    assert secrets.asked == 2


def test_keys_that_were_never_read_are_an_error_of_the_store(clock: FrozenClock) -> None:
    secrets = FakeSecrets(OLD)
    secrets.failure = ConnectTimeoutError(endpoint_url="https://example")
    with pytest.raises(StoreUnavailableError):
        SecretKeys("s", secrets, clock).current()


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"webhook_keys": []}', '{"webhook_keys": 5}', '{"webhook_keys": ["whsec_QQ=="]}'],
)
def test_a_secret_without_keys_is_a_configuration_error_that_does_not_show_it(
    clock: FrozenClock, text: str
) -> None:
    secrets = FakeSecrets()
    secrets.text = text
    with pytest.raises(ConfigurationError) as caught:
        SecretKeys("s", secrets, clock).current()
    assert "QQ==" not in str(caught.value)
