"""Claims to mail a report, in the product's DynamoDB table: whoever writes the item first, mails."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from linkage.adapters.dynamodb.table import ConditionFailedError, put_once, store_errors
from linkage.contracts import items
from linkage.domain.canonical import iso_utc, sha256_hex
from linkage.ports.mail import ReportPeriod


class DynamoReportClaims:
    """``ReportClaims``, one item per report, period and recipient. The table keeps no address.

    Args:
        table_name: the table.
        client: a boto3 DynamoDB client.
    """

    def __init__(self, table_name: str, client: Any) -> None:
        self._table = table_name
        self._client = client

    def claim(self, period: ReportPeriod, recipient: str, *, at: datetime) -> bool:
        """Claim the right to mail; False when somebody has claimed it before."""
        item = {
            **_key(period, recipient),
            "kind": {"S": "report"},
            "received_at": {"S": iso_utc(at)},
            items.TTL_ATTRIBUTE: {"N": str(int((at + timedelta(days=items.REPORT_TTL_DAYS)).timestamp()))},
        }
        try:
            put_once(
                self._client,
                self._table,
                item,
                ConditionExpression=f"attribute_not_exists({items.PK}) OR {items.TTL_ATTRIBUTE} <= :now",
                ExpressionAttributeValues={":now": {"N": str(int(at.timestamp()))}},
            )
        except ConditionFailedError:
            return False
        return True

    def release(self, period: ReportPeriod, recipient: str) -> None:
        """Give a claim back, after a mail that certainly was not sent."""
        with store_errors():
            self._client.delete_item(TableName=self._table, Key=_key(period, recipient))


def _key(period: ReportPeriod, recipient: str) -> dict[str, Any]:
    pk = f"{items.REPORT_PREFIX}{period.name}#{iso_utc(period.start)}#{iso_utc(period.end)}"
    return {
        items.PK: {"S": pk},
        items.SK: {"S": items.RECIPIENT_PREFIX + sha256_hex(recipient.strip().lower())},
    }
