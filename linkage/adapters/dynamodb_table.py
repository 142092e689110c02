"""What the adapters of the one DynamoDB table share: keys, and errors in the product's own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from linkage.contracts import items
from linkage.domain.errors import StoreUnavailableError


class ConditionFailedError(Exception):
    """A conditional write found what it was not to overwrite. Adapters turn it into an outcome."""


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn what botocore raises into ``StoreUnavailableError``, or ``ConditionFailedError``."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in ("ConditionalCheckFailedException", "TransactionCanceledException"):
            raise ConditionFailedError from error
        raise StoreUnavailableError(f"the table refused a call: {code}") from error
    except BotoCoreError as error:
        raise StoreUnavailableError(f"the table cannot be reached: {type(error).__name__}") from error


def item_key(pk: str, sk: str) -> dict[str, Any]:
    """Return an item's primary key as botocore wants it."""
    return {items.PK: {"S": pk}, items.SK: {"S": sk}}
