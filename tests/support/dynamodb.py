"""The product's DynamoDB table inside moto, with its stream as Lambda would deliver it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws
from moto.core.exceptions import JsonRESTError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.responses import DynamoHandler

from linkage.contracts import items
from linkage.runtime import aws
from linkage.runtime.dependencies import reset

REGION = "eu-central-1"
TABLE_NAME = "linkage-test"

TABLE_SCHEMA: dict[str, Any] = {
    "KeySchema": [
        {"AttributeName": items.PK, "KeyType": "HASH"},
        {"AttributeName": items.SK, "KeyType": "RANGE"},
    ],
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "S"}
        for name in (items.PK, items.SK, items.HOUR_INDEX_PK, items.HOUR_INDEX_SK)
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": items.HOUR_INDEX,
            "KeySchema": [
                {"AttributeName": items.HOUR_INDEX_PK, "KeyType": "HASH"},
                {"AttributeName": items.HOUR_INDEX_SK, "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
}


@dataclass
class SignalsTable:
    """The table, its client, and what its stream has still to deliver."""

    client: Any
    name: str = TABLE_NAME
    _delivered: int = 0

    def items(self) -> list[dict[str, Any]]:
        """Return every item, expired or not."""
        return list(self.client.scan(TableName=self.name)["Items"])

    def delete_expired(self, now: float) -> int:
        """Do what DynamoDB's TTL does some time after an item's expiry; return how many went."""
        expired = [
            item for item in self.items() if int(item.get(items.TTL_ATTRIBUTE, {"N": "9" * 12})["N"]) <= now
        ]
        for item in expired:
            self.client.delete_item(
                TableName=self.name, Key={name: item[name] for name in (items.PK, items.SK)}
            )
        return len(expired)

    def stream_event(self, *, peek: bool = False) -> dict[str, Any]:
        """Return what was written since the last call, as the event that Lambda would get.

        Like the deployed filter, only INSERT and MODIFY of the kinds that are archived.

        Args:
            peek: the next call returns it again.
        """
        # moto answers the streams API under another host name than botocore asks; its shard is the same.
        table = self._in_moto()
        shard = table.stream_shard
        assert shard is not None
        fresh = [record.to_json() for record in shard.items[self._delivered :]]
        self._delivered += 0 if peek else len(fresh)
        records = [_as_lambda_sends_it(record, str(table.latest_stream_label)) for record in fresh]
        return {"Records": [record for record in records if _is_archived(record)]}

    def pass_over(self) -> None:
        """Let the stream never deliver what was written last."""
        shard = self._in_moto().stream_shard
        assert shard is not None
        del shard.items[-1]

    def forget_signals(self) -> None:
        """Remove every signal, and all that the stream has delivered or still has to."""
        table = self._in_moto()
        for key in [key for key in table.items if key.value.startswith("SIGNAL#")]:
            del table.items[key]
        assert table.stream_shard is not None
        table.stream_shard.items.clear()
        self._delivered = 0

    def _in_moto(self) -> Any:
        return dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[self.name]


class ShortCut:
    """moto's DynamoDB without botocore and HTTP around it, ten times as fast.

    It has the methods of a boto3 client, with its arguments, answers and errors.
    """

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:
            if endpoint := os.environ.get("AWS_ENDPOINT_URL_DYNAMODB"):
                raise EndpointConnectionError(endpoint_url=endpoint)
            handler = DynamoHandler()
            handler.body = handler.params = json.loads(json.dumps(parameters))
            handler.current_account, handler.region = DEFAULT_ACCOUNT_ID, REGION
            try:
                answer = getattr(handler, operation)().result
            except JsonRESTError as error:
                told = {"Code": error.error_type.rpartition("#")[2], "Message": error.message}
                raise ClientError({"Error": told}, operation) from error
            return json.loads(answer) if isinstance(answer, str) else answer

        return call


class OneCallAtATime:
    """A client whose calls do not overlap: moto's conditional writes are not atomic between threads."""

    lock = threading.RLock()

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*arguments: Any, **named: Any) -> Any:
            with self.lock:
                return method(*arguments, **named)

        return call


def create_signals_table(client: Any, name: str = TABLE_NAME) -> None:
    """Create the table with the deployed schema."""
    client.create_table(TableName=name, **TABLE_SCHEMA)
    client.update_time_to_live(
        TableName=name,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": items.TTL_ATTRIBUTE},
    )


@contextmanager
def moto_account() -> Iterator[None]:
    """Be inside an AWS account that moto plays, empty, with throw-away credentials."""
    with pytest.MonkeyPatch.context() as environment:
        for variable in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ENDPOINT_URL_DYNAMODB"):
            environment.delenv(variable, raising=False)
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        # A client that was made outside, or stays behind, knows another account.
        reset()
        try:
            with mock_aws():
                yield
        finally:
            reset()


def replace_client(environment: pytest.MonkeyPatch, service: str, player: Callable[[], Any]) -> None:
    """Let one service's client be what ``player`` makes; every other one stays with moto."""
    real = aws.client

    def client(name: str, **limits: Any) -> Any:
        return player() if name == service else real(name, **limits)

    environment.setattr(aws, "client", client)


@contextmanager
def moto_table(name: str = TABLE_NAME) -> Iterator[SignalsTable]:
    """Yield the table in a moto account of its own."""
    with moto_account():
        client = boto3.client("dynamodb", region_name=REGION)
        create_signals_table(client, name)
        yield SignalsTable(client=client, name=name)


@pytest.fixture
def signals_table() -> Iterator[SignalsTable]:
    """The product's table, empty."""
    with moto_table() as table:
        yield table


def _as_lambda_sends_it(record: dict[str, Any], label: str) -> dict[str, Any]:
    text = json.dumps(record, default=lambda moment: moment.timestamp())
    sent: dict[str, Any] = json.loads(text)
    sent["awsRegion"] = REGION
    sent["eventSourceARN"] = (
        f"arn:aws:dynamodb:{REGION}:{DEFAULT_ACCOUNT_ID}:table/{TABLE_NAME}/stream/{label}"
    )
    return sent


def _is_archived(record: dict[str, Any]) -> bool:
    image = record["dynamodb"].get("NewImage", {})
    archived = ("signal", "snapshot", "run", "bot", "switch")
    return record["eventName"] in ("INSERT", "MODIFY") and image.get("kind", {}).get("S") in archived
