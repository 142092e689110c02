"""The deployed stage as the driver uses it: functions, queue, parameters, table and ledger."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from cli.cloud import Cloud
from demo.api import Api
from linkage.adapters.aws.sqs_events import SqsEventQueue
from linkage.adapters.dynamodb.bots import DynamoBotDirectory
from linkage.domain.webhook_signature import decode_secret
from linkage.runtime.observability import SystemClock
from local.state import LocalState

INVOKE_SECONDS = 320.0
"""Longer than what a replay invokes may take."""


class DemoError(Exception):
    """The demonstration cannot go on, or has found a problem. The message names it."""


class Stage:
    """One deployed local stage.

    Args:
        state: of the local cloud.
    """

    def __init__(self, state: LocalState) -> None:
        self.state = state
        self.cloud = Cloud("local", state=state)
        self.clock = SystemClock()

    def invoke(self, output_name: str, payload: Mapping[str, object]) -> Any:
        """Invoke a function and return its decoded reply, as :meth:`Cloud.invoke` does."""
        return self.cloud.invoke(output_name, payload, read_timeout=INVOKE_SECONDS)

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query that any operator could type.

        Raises:
            DemoError: the query was refused, or its answer is not complete.
        """
        reply = self.invoke("QueryLedgerFunction", {"sql": sql})
        if not reply.get("ok") or reply.get("truncated"):
            raise DemoError(f"the ledger did not answer in full: {reply.get('error', 'too many rows')}")
        return [dict(zip(reply["columns"], row, strict=True)) for row in reply["rows"]]

    def set_parameters(self, document: str) -> None:
        """Put a parameter document into force; the next run has it."""
        self.cloud.client("ssm").put_parameter(
            Name=self.cloud.output("ParametersName"), Value=document, Type="String", Overwrite=True
        )

    @cached_property
    def api(self) -> Api:
        """The HTTP API, with the keys of the signed route."""
        secret = self.cloud.client("secretsmanager").get_secret_value(SecretId=self.cloud.output("SecretArn"))
        keys = json.loads(secret["SecretString"])["webhook_keys"]
        return Api(self.cloud.api_url, keys=[decode_secret(key) for key in keys], clock=self.clock)

    @cached_property
    def queue(self) -> SqsEventQueue:
        """The queue of fills and order events."""
        return SqsEventQueue(self.cloud.output("FillsQueueUrl"), self.cloud.client("sqs"))

    @cached_property
    def bots(self) -> DynamoBotDirectory:
        """The directory of bots."""
        return DynamoBotDirectory(self.cloud.output("TableName"), self.cloud.client("dynamodb"))

    def queue_depth(self) -> int:
        """Return how many messages wait in the fills queue or are being worked on."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        reply = self.cloud.client("sqs").get_queue_attributes(
            QueueUrl=self.cloud.output("FillsQueueUrl"), AttributeNames=names
        )
        return sum(int(reply["Attributes"].get(name, 0)) for name in names)

    def dead_letters(self) -> int:
        """Return how many messages are in the dead-letter queue."""
        name = "ApproximateNumberOfMessages"
        reply = self.cloud.client("sqs").get_queue_attributes(
            QueueUrl=self.cloud.output("FillsDlqUrl"), AttributeNames=[name]
        )
        return int(reply["Attributes"][name])

    def items(self) -> list[dict[str, str]]:
        """Return the table's items with their string attributes."""
        pages = (
            self.cloud.client("dynamodb")
            .get_paginator("scan")
            .paginate(TableName=self.cloud.output("TableName"), ConsistentRead=True)
        )
        return [
            {name: value["S"] for name, value in item.items() if "S" in value}
            for page in pages
            for item in page["Items"]
        ]

    def item_counts(self) -> Counter[str]:
        """Return how many items of each kind the table holds."""
        return Counter(item.get("kind", "") for item in self.items())
