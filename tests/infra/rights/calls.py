"""Records the DynamoDB requests of a handler as IAM would see them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from linkage.contracts import items
from linkage.runtime import aws
from linkage.runtime.dependencies import reset
from tests.infra.rights.policies import INDEX, TABLE, Call

_OF_TRANSACTION = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


@contextmanager
def recorded_calls() -> Iterator[set[Call]]:
    """Yield what the clients that functions make ask of DynamoDB until the end of the block."""
    calls: set[Call] = set()
    real = aws.client

    def note(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        calls.update(calls_of(model.name, params))

    def client(service: str, **limits: Any) -> Any:
        made = real(service, **limits)
        if service == "dynamodb":
            made.meta.events.register("before-parameter-build.dynamodb", note, unique_id="rights")
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws, "client", client)
        reset()
        yield calls
        reset()


def calls_of(operation: str, params: Mapping[str, Any]) -> Iterator[Call]:
    """Yield what IAM checks for one request: a transaction is checked part by part.

    Raises:
        NotImplementedError: nobody has thought of this operation's keys yet.
    """
    action = f"dynamodb:{operation}"
    match operation:
        case "GetItem" | "UpdateItem" | "DeleteItem":
            yield Call(action, (_pk(params["Key"]),))
        case "PutItem":
            yield Call(action, (_pk(params["Item"]),))
        case "BatchGetItem":
            for table in params["RequestItems"].values():
                yield Call(action, tuple(sorted({_pk(key) for key in table["Keys"]})))
        case "Query":
            index = params.get("IndexName")
            assert index in (None, items.HOUR_INDEX)
            yield Call(action, (_asked_for(params),), INDEX if index else TABLE)
        case "TransactWriteItems":
            for part in params["TransactItems"]:
                ((kind, content),) = part.items()
                yield from calls_of(_OF_TRANSACTION[kind], content)
        case _:
            raise NotImplementedError(operation)


def _pk(key: Mapping[str, Any]) -> str:
    return str(key[items.PK]["S"])


def _asked_for(params: Mapping[str, Any]) -> str:
    """Return the partition key of a query: the part of its condition that is an equation."""
    condition = re.match(r"\S+ = (:\w+)", params["KeyConditionExpression"])
    assert condition is not None
    return str(params["ExpressionAttributeValues"][condition[1]]["S"])
