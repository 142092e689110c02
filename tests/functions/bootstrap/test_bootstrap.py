"""What a deployment needs once it stands: what is missing is made, what is there stays."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import boto3
import pytest
from moto import mock_aws

from functions.bootstrap import handler, service
from functions.bootstrap.service import Deployment
from linkage.adapters.aws.schema_client import LambdaSchemaMigrator
from linkage.adapters.aws.secret_store import SecretsManagerStore
from linkage.adapters.dynamodb.bots import DynamoBotDirectory
from linkage.contracts.signals import BotRecord
from linkage.domain.errors import LedgerUnavailableError
from linkage.domain.webhook_signature import decode_secret
from linkage.runtime import aws
from linkage.runtime.dependencies import reset
from tests.support.clock import FrozenClock
from tests.support.dynamodb import REGION, SignalsTable, moto_table

DEPLOYMENT = Deployment(
    master_secret_id="master", webhook_secret_id="keys", venue="paper", account="paper", mode="paper"
)


@dataclass
class LambdaClient:
    """boto3's Lambda client in front of ``migrate``: it answers in turn, and remembers what it was sent."""

    replies: list[Mapping[str, Any]]
    sent: list[Mapping[str, Any]] = field(default_factory=list)

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """Answer; an ``errorType`` is a failure of the function."""
        assert FunctionName == "migrate"
        self.sent.append(json.loads(Payload))
        reply = self.replies.pop(0)
        failed = {"FunctionError": "Unhandled"} if "errorType" in reply else {}
        return {"Payload": BytesIO(json.dumps(reply).encode()), **failed}


NO_ROLE = {"errorType": "OperationalError", "errorMessage": "password p"}


@pytest.fixture
def table() -> Iterator[SignalsTable]:
    with moto_table() as table:
        yield table


@pytest.fixture
def secrets() -> Iterator[SecretsManagerStore]:
    with mock_aws():
        client = boto3.client("secretsmanager", region_name=REGION)
        master = {"username": "root", "password": "p", "host": "db"}
        client.create_secret(Name="master", SecretString=json.dumps(master))
        client.create_secret(Name="keys", SecretString="placeholder")
        yield SecretsManagerStore(client)


def test_the_master_secret_is_used_only_when_the_roles_are_missing(secrets: SecretsManagerStore) -> None:
    client = LambdaClient([{"outcome": "current"}])
    schema = LambdaSchemaMigrator("migrate", client)
    assert service.bring_up_schema("master", schema, secrets) == "current"
    assert client.sent == [{"op": "migrate"}]
    client = LambdaClient([NO_ROLE, {"outcome": "created"}, {"outcome": "migrated"}])
    schema = LambdaSchemaMigrator("migrate", client)
    assert service.bring_up_schema("master", schema, secrets) == "migrated"
    assert client.sent[1] == {"op": "create_roles", "master": {"username": "root", "password": "p"}}


def test_without_a_master_secret_a_failed_migration_fails_the_deployment_and_quotes_nothing(
    secrets: SecretsManagerStore,
) -> None:
    schema = LambdaSchemaMigrator("migrate", LambdaClient([NO_ROLE]))
    with pytest.raises(LedgerUnavailableError, match=r"^migrate failed with OperationalError$"):
        service.bring_up_schema("", schema, secrets)


@pytest.mark.parametrize("placeholder", ['{"webhook_keys": []}', "{}", "placeholder", '"x"'])
def test_a_placeholder_becomes_a_key_of_48_random_bytes_and_a_key_stays(
    secrets: SecretsManagerStore, placeholder: str
) -> None:
    secrets.write("keys", placeholder)
    assert service.fill_webhook_key("keys", secrets) == "created"
    first = secrets.read("keys")
    (key,) = json.loads(first)["webhook_keys"]
    assert len(decode_secret(key)) == 48
    assert service.fill_webhook_key("keys", secrets) == "kept"
    assert secrets.read("keys") == first


def test_our_own_bot_is_registered_once_as_mixed(table: SignalsTable) -> None:
    bots = DynamoBotDirectory(table.name, table.client)
    assert service.register_first_party(DEPLOYMENT, bots, FrozenClock()) == "created"
    assert service.register_first_party(DEPLOYMENT, bots, FrozenClock()) == "kept"
    (record,) = bots.all()
    assert isinstance(record, BotRecord)
    assert (record.bot_id, record.expects_signals, record.mode) == ("sighook", "mixed", "paper")
    assert record.token_hashes == []


def test_a_deployment_is_bootstrapped_from_its_environment_and_says_what_became_of_each_part(
    table: SignalsTable, secrets: SecretsManagerStore, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    settings = {"STAGE": "test", "MIGRATE_FUNCTION": "migrate", "SECRET_ID": "keys", "TABLE_NAME": table.name}
    for name, value in settings.items():
        monkeypatch.setenv(f"LINKAGE_{name}", value)
    real = aws.client
    lambda_client = LambdaClient([{"outcome": "migrated"}])
    monkeypatch.setattr(
        aws, "client", lambda name, **limits: lambda_client if name == "lambda" else real(name, **limits)
    )
    reset()
    try:
        made = {"schema": "migrated", "webhook_key": "created", "bot": "created"}
        assert handler.bootstrap({}, None) == made
        logged = vars(caplog.records[-1])
        assert (caplog.messages[-1], logged["name"]) == ("Deployment bootstrapped", "bootstrap")
        assert {name: logged[name] for name in made} == made
    finally:
        reset()
