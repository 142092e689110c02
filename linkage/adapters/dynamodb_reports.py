"""Claims to mail a report, in the product's DynamoDB table: whoever writes the item first, mails."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from linkage.contracts import items
from linkage.domain.canonical import sha256_hex
from linkage.domain.errors import StoreUnavailableError
from linkage.domain.times import iso_utc
from linkage.ports import ReportPeriod


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
            self._client.put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression=f"attribute_not_exists({items.PK}) OR {items.TTL_ATTRIBUTE} <= :now",
                ExpressionAttributeValues={":now": {"N": str(int(at.timestamp()))}},
            )
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code == "ConditionalCheckFailedException":
                return False
            raise StoreUnavailableError(f"the table refused a claim: {code}") from error
        except BotoCoreError as error:
            raise StoreUnavailableError(f"the table cannot be reached: {type(error).__name__}") from error
        return True

    def release(self, period: ReportPeriod, recipient: str) -> None:
        """Give a claim back, after a mail that certainly was not sent."""
        try:
            self._client.delete_item(TableName=self._table, Key=_key(period, recipient))
        except (ClientError, BotoCoreError) as error:
            raise StoreUnavailableError(f"a claim was not given back: {type(error).__name__}") from error


def _key(period: ReportPeriod, recipient: str) -> dict[str, Any]:
    pk = items.report_pk(period.name, iso_utc(period.start), iso_utc(period.end))
    return {
        items.PK: {"S": pk},
        items.SK: {"S": items.recipient_sk(sha256_hex(recipient.strip().lower()))},
    }
