"""The directory of bots in DynamoDB: one item per bot, one per valid token.

A token's item names its bot, the bot's record lists its tokens: a token is valid when both agree.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from linkage.adapters.dynamodb.table import ConditionFailedError, item_key, store_errors
from linkage.contracts import items
from linkage.contracts.signals import BotRecord
from linkage.domain.canonical import iso_utc
from linkage.domain.errors import ConfigurationError, StoreUnavailableError
from linkage.domain.ids import BotId


class DynamoBotDirectory:
    """Registered bots; see ``ports.bots.BotDirectory`` for the reading side.

    Args:
        table_name: the table; ``linkage.contracts.items`` describes what is in it.
        client: a boto3 DynamoDB client.
    """

    def __init__(self, table_name: str, client: Any) -> None:
        self._table = table_name
        self._client = client

    def find_by_token(self, token_hash: str) -> str | None:
        """Return the record of the bot that has this token; None when no living bot has it."""
        token = self._get(items.TOKEN_PREFIX + token_hash, items.TOKEN_SK)
        if token is None:
            return None
        body = self.get(BotId(token["bot_id"]["S"]))
        return body if body is not None and token_hash in json.loads(body)["token_hashes"] else None

    def get(self, bot_id: BotId) -> str | None:
        """Return a bot's record; None when it is unknown or removed."""
        body = self._body(bot_id)
        return None if body is None or json.loads(body)["removed"] else body

    def all(self, *, removed: bool = False) -> list[BotRecord]:
        """Return the bots by name; with ``removed`` those that were removed as well."""
        with store_errors():
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression=f"{items.PK} = :bots",
                ExpressionAttributeValues={":bots": {"S": items.BOT_PK}},
                ConsistentRead=True,
            )
            bodies = [item["body"]["S"] for page in pages for item in page["Items"]]
        records = [BotRecord.model_validate_json(body) for body in bodies]
        return [record for record in records if removed or not record.removed]

    def add(self, record: BotRecord) -> None:
        """Register a bot with its tokens. A removed bot's name may be used again.

        Raises:
            ConfigurationError: a bot of this name is there.
        """
        body = self._body(BotId(record.bot_id))
        present = None if body is None else BotRecord.model_validate_json(body)
        if present is not None and not present.removed:
            raise ConfigurationError(f"there is a bot {record.bot_id!r} already", "name")
        self._write(record, present, new_tokens=record.token_hashes)

    def rotate(
        self, bot_id: BotId, token_hash: str, *, at: datetime, keep_previous: bool = True
    ) -> BotRecord:
        """Give a bot a new token.

        Args:
            bot_id: the bot.
            token_hash: SHA-256 of the new token.
            at: the present.
            keep_previous: the newest old token stays valid until the next rotation.

        Raises:
            ConfigurationError: no such bot.
        """
        present = self._present(bot_id)
        kept = present.token_hashes[:1] if keep_previous else []
        record = present.model_copy(update={"token_hashes": [token_hash, *kept], "updated_at": at})
        dropped = [known for known in present.token_hashes if known not in record.token_hashes]
        self._write(record, present, new_tokens=[token_hash], old_tokens=dropped)
        return record

    def remove(self, bot_id: BotId, *, at: datetime) -> BotRecord:
        """Take a bot's tokens away. Its record stays: what it did keeps its name.

        Raises:
            ConfigurationError: no such bot.
        """
        present = self._present(bot_id)
        record = present.model_copy(update={"token_hashes": [], "removed": True, "updated_at": at})
        self._write(record, present, old_tokens=present.token_hashes)
        return record

    def _present(self, bot_id: BotId) -> BotRecord:
        body = self.get(bot_id)
        if body is None:
            raise ConfigurationError(f"there is no bot {bot_id!r}", "name")
        return BotRecord.model_validate_json(body)

    def _write(
        self,
        record: BotRecord,
        replaces: BotRecord | None,
        *,
        new_tokens: Sequence[str] = (),
        old_tokens: Sequence[str] = (),
    ) -> None:
        put: dict[str, Any] = {
            "TableName": self._table,
            "Item": {
                **item_key(items.BOT_PK, items.BOT_PREFIX + record.bot_id),
                "kind": {"S": "bot"},
                "body": {"S": record.model_dump_json()},
                **_received(record),
            },
        }
        if replaces is None:
            put["ConditionExpression"] = f"attribute_not_exists({items.PK})"
        else:
            put["ConditionExpression"] = "received_at = :seen"
            put["ExpressionAttributeValues"] = {":seen": {"S": iso_utc(replaces.updated_at)}}
        token = {"kind": {"S": "token"}, "bot_id": {"S": record.bot_id}, **_received(record)}
        writes: list[dict[str, Any]] = [{"Put": put}]
        for token_hash in new_tokens:
            item = {**item_key(items.TOKEN_PREFIX + token_hash, items.TOKEN_SK), **token}
            writes.append({"Put": {"TableName": self._table, "Item": item}})
        for token_hash in old_tokens:
            key = item_key(items.TOKEN_PREFIX + token_hash, items.TOKEN_SK)
            writes.append({"Delete": {"TableName": self._table, "Key": key}})
        try:
            with store_errors():
                self._client.transact_write_items(TransactItems=writes)
        except ConditionFailedError:
            raise StoreUnavailableError("the bot was changed by somebody else meanwhile") from None

    def _body(self, bot_id: BotId) -> str | None:
        item = self._get(items.BOT_PK, items.BOT_PREFIX + bot_id)
        return None if item is None else str(item["body"]["S"])

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        with store_errors():
            reply = self._client.get_item(TableName=self._table, Key=item_key(pk, sk), ConsistentRead=True)
        item: dict[str, Any] | None = reply.get("Item")
        return item


def _received(record: BotRecord) -> dict[str, Any]:
    return {"received_at": {"S": iso_utc(record.updated_at)}}
