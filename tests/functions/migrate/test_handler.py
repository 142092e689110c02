"""The entry points of a deployment: what is missing is made, what is there is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest
from moto import mock_aws

from functions.migrate import bootstrap, handler
from functions.migrate.settings import BootstrapSettings
from linkage.adapters.dynamodb.bots import DynamoBotDirectory
from linkage.contracts.signals import BotRecord
from linkage.domain.errors import InvalidInputError, LedgerUnavailableError
from linkage.domain.webhook_signature import decode_secret
from linkage.runtime.dependencies import reset
from tests.support.clock import FrozenClock
from tests.support.dynamodb import REGION, SignalsTable, moto_table
from tests.support.ledger import LedgerDatabase

SETTINGS = BootstrapSettings(
    stage="test",
    migrate_function="migrate",
    master_secret_id="master",
    secret_id="keys",
    table_name="linkage-test",
)


@pytest.fixture
def table() -> Iterator[SignalsTable]:
    with moto_table() as table:
        yield table


def test_migrate_reports_what_became_of_the_schema(
    ledger_database: LedgerDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in ledger_database.settings("migrator").items():
        monkeypatch.setenv(f"LINKAGE_{name.upper()}", str(value))
    reset()
    try:
        assert handler.migrate({"op": "migrate"}, None)["outcome"] == "current"
        with pytest.raises(InvalidInputError):
            handler.migrate({"op": "drop"}, None)
        password = ledger_database.server.passwords["postgres"]
        master = {"username": "postgres", "password": password}
        assert handler.migrate({"op": "create_roles", "master": master}, None) == {"outcome": "created"}
        assert password not in capsys.readouterr().out
    finally:
        reset()


def answering(*replies: Mapping[str, Any] | Exception) -> tuple[Callable[..., Any], list[Mapping[str, Any]]]:
    asked: list[Mapping[str, Any]] = []

    def invoke(payload: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.append(payload)
        reply = replies[len(asked) - 1]
        if isinstance(reply, Exception):
            raise reply
        return reply

    return invoke, asked


def test_the_master_secret_is_used_only_when_the_roles_are_missing() -> None:
    with mock_aws():
        secrets = boto3.client("secretsmanager", region_name=REGION)
        master = {"username": "root", "password": "p", "host": "db"}
        secrets.create_secret(Name="master", SecretString=json.dumps(master))
        invoke, asked = answering({"outcome": "current"})
        assert bootstrap.bring_up_schema(SETTINGS, secrets, invoke) == "current"
        assert asked == [{"op": "migrate"}]
        invoke, asked = answering(
            LedgerUnavailableError("no role"), {"outcome": "created"}, {"outcome": "migrated"}
        )
        assert bootstrap.bring_up_schema(SETTINGS, secrets, invoke) == "migrated"
        assert asked[1] == {"op": "create_roles", "master": {"username": "root", "password": "p"}}


def test_without_a_master_secret_a_failed_migration_fails_the_deployment() -> None:
    invoke, _ = answering(LedgerUnavailableError("away"))
    local = SETTINGS.model_copy(update={"master_secret_id": ""})
    with pytest.raises(LedgerUnavailableError):
        bootstrap.bring_up_schema(local, None, invoke)


@pytest.mark.parametrize("placeholder", ['{"webhook_keys": []}', "{}", "placeholder", '"x"'])
def test_a_placeholder_becomes_a_key_of_48_random_bytes_and_a_key_is_kept(placeholder: str) -> None:
    with mock_aws():
        secrets = boto3.client("secretsmanager", region_name=REGION)
        secrets.create_secret(Name="keys", SecretString=placeholder)
        assert bootstrap.fill_webhook_key("keys", secrets) == "created"
        first = secrets.get_secret_value(SecretId="keys")["SecretString"]
        (key,) = json.loads(first)["webhook_keys"]
        assert len(decode_secret(key)) == 48
        assert bootstrap.fill_webhook_key("keys", secrets) == "kept"
        assert secrets.get_secret_value(SecretId="keys")["SecretString"] == first


def test_our_own_bot_is_registered_once_as_mixed(table: SignalsTable) -> None:
    bots = DynamoBotDirectory(table.name, table.client)
    assert bootstrap.register_first_party(SETTINGS, bots, FrozenClock()) == "created"
    assert bootstrap.register_first_party(SETTINGS, bots, FrozenClock()) == "kept"
    (record,) = bots.all()
    assert isinstance(record, BotRecord)
    assert (record.bot_id, record.expects_signals, record.mode) == ("sighook", "mixed", "paper")
    assert record.token_hashes == []
