"""State with optimistic locking in DynamoDB: of strategies, and of the paper broker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from linkage.adapters.dynamodb.table import ConditionFailedError, item_key, put_once, store_errors
from linkage.contracts import items
from linkage.domain.canonical import iso_utc
from linkage.domain.errors import StateChangedError
from linkage.ports.paper import PaperItem


class DynamoStateStore:
    """``StateStore``: one item for each strategy and arm.

    Args:
        table_name: the product's table.
        client: a boto3 DynamoDB client.
    """

    def __init__(self, table_name: str, client: Any) -> None:
        self._items = _VersionedItems(table_name, client)

    def load(self, strategy: str, arm: str) -> tuple[str | None, int]:
        """Return the state and its version; see ``ports.state.StateStore``."""
        item = self._items.get(_state_pk(strategy, arm), items.STATE_SK)
        return (None, 0) if item is None else (item.body, item.version)

    def save(self, strategy: str, arm: str, *, body: str, version: int, saved_at: datetime) -> None:
        """Replace the state of this version; see ``ports.state.StateStore``."""
        self._items.put(
            _state_pk(strategy, arm), items.STATE_SK, "state", body=body, version=version, at=saved_at
        )


class DynamoPaperStore:
    """``PaperStore``: the items of one account under one partition key.

    Args:
        table_name: the product's table.
        account: whose orders.
        client: a boto3 DynamoDB client.
    """

    def __init__(self, table_name: str, account: str, client: Any) -> None:
        self._items = _VersionedItems(table_name, client)
        self._pk = items.PAPER_PREFIX + account

    def add(self, name: str, *, body: str, stored_at: datetime) -> bool:
        """Store an item unless it is there; see ``ports.paper.PaperStore``."""
        try:
            self.save(name, body=body, version=0, stored_at=stored_at)
        except StateChangedError:
            return False
        return True

    def items(self) -> Sequence[PaperItem]:
        """Return every item of the account; see ``ports.paper.PaperStore``."""
        return self._items.query(self._pk)

    def save(self, name: str, *, body: str, version: int, stored_at: datetime) -> None:
        """Replace the item of this version; see ``ports.paper.PaperStore``."""
        self._items.put(self._pk, name, "paper", body=body, version=version, at=stored_at)

    def remove(self, name: str) -> None:
        """Remove an item; see ``ports.paper.PaperStore``."""
        self._items.delete(self._pk, name)


class _VersionedItems:
    def __init__(self, table_name: str, client: Any) -> None:
        self._table = table_name
        self._client = client

    def get(self, pk: str, sk: str) -> PaperItem | None:
        with store_errors():
            reply = self._client.get_item(TableName=self._table, Key=item_key(pk, sk), ConsistentRead=True)
        return _item(reply["Item"]) if "Item" in reply else None

    def query(self, pk: str) -> list[PaperItem]:
        found: list[PaperItem] = []
        start: dict[str, Any] = {}
        while True:
            with store_errors():
                page = self._client.query(
                    TableName=self._table,
                    KeyConditionExpression=f"{items.PK} = :pk",
                    ExpressionAttributeValues={":pk": {"S": pk}},
                    ConsistentRead=True,
                    **start,
                )
            found.extend(_item(item) for item in page["Items"])
            if not page.get("LastEvaluatedKey"):
                return found
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def put(self, pk: str, sk: str, kind: str, *, body: str, version: int, at: datetime) -> None:
        condition: dict[str, Any] = {"ConditionExpression": f"attribute_not_exists({items.PK})"}
        if version:
            condition = {
                "ConditionExpression": "version = :version",
                "ExpressionAttributeValues": {":version": {"N": str(version)}},
            }
        item = {
            **item_key(pk, sk),
            "kind": {"S": kind},
            "body": {"S": body},
            "version": {"N": str(version + 1)},
            "received_at": {"S": iso_utc(at)},
        }
        try:
            put_once(self._client, self._table, item, **condition)
        except ConditionFailedError:
            raise StateChangedError(f"{pk} {sk} is no longer of version {version}") from None

    def delete(self, pk: str, sk: str) -> None:
        with store_errors():
            self._client.delete_item(TableName=self._table, Key=item_key(pk, sk))


def _item(item: dict[str, Any]) -> PaperItem:
    return PaperItem(item[items.SK]["S"], item["body"]["S"], int(item["version"]["N"]))


def _state_pk(strategy: str, arm: str) -> str:
    return f"{items.STATE_PREFIX}{strategy}#{arm}"
