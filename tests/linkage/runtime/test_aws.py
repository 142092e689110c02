"""Clients are made once, with limits of our own, for the endpoint of the environment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from linkage.runtime.aws import client
from linkage.runtime.dependencies import reset


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    reset()
    yield
    reset()


def test_one_client_for_one_service_and_limits() -> None:
    assert client("sqs") is client("sqs")
    assert client("sqs", read_timeout=9.0) is not client("sqs")


def test_limits_are_what_was_asked_for() -> None:
    config = client("dynamodb", connect_timeout=0.5, read_timeout=1.5, max_attempts=1).meta.config
    assert (config.connect_timeout, config.read_timeout) == (0.5, 1.5)
    assert config.retries["total_max_attempts"] == 1


def test_the_environment_chooses_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert client("sqs").meta.endpoint_url == "http://127.0.0.1:4566"
