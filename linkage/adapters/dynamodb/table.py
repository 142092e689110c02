"""What the adapters of the one DynamoDB table share: keys, and errors in the product's own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from linkage.contracts import items
from linkage.domain.errors import StoreUnavailableError

_WRITE = "write"


class ConditionFailedError(Exception):
    """A conditional write found what it was not to overwrite. Adapters turn it into an outcome.

    Args:
        present: the item that is there, if the write asked for it.
    """

    def __init__(self, present: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.present = present or {}


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn what botocore raises into ``StoreUnavailableError``, or ``ConditionFailedError``."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in ("ConditionalCheckFailedException", "TransactionCanceledException"):
            raise ConditionFailedError(error.response.get("Item")) from error
        raise StoreUnavailableError(f"the table refused a call: {code}") from error
    except BotoCoreError as error:
        raise StoreUnavailableError(f"the table cannot be reached: {type(error).__name__}") from error


def put_once(client: Any, table_name: str, item: Mapping[str, Any], **condition: Any) -> None:
    """Put an item on a condition, and know one's own write again.

    botocore repeats a call whose answer was lost. The second attempt then finds what the first one wrote,
    which is no failure of the condition.

    Args:
        client: a boto3 DynamoDB client.
        table_name: the table.
        item: gets one more attribute, which names the write.
        condition: further arguments of ``put_item``.

    Raises:
        ConditionFailedError: something else is there.
        StoreUnavailableError: it may or may not be written.
    """
    name = {"S": uuid4().hex}
    try:
        with store_errors():
            client.put_item(
                TableName=table_name,
                Item={**item, _WRITE: name},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **condition,
            )
    except ConditionFailedError as error:
        if error.present.get(_WRITE) != name:
            raise


def item_key(pk: str, sk: str) -> dict[str, Any]:
    """Return an item's primary key as botocore wants it."""
    return {items.PK: {"S": pk}, items.SK: {"S": sk}}
