"""The data stack: everything that holds state."""

from __future__ import annotations

from aws_cdk import Stack
from constructs import Construct

from infra.cdk.constructs.failure_bucket import FailureBucket
from infra.cdk.constructs.fills_queue import FillsQueue, dead_letter_queue
from infra.cdk.constructs.hot_store import HotStore
from infra.cdk.constructs.ledger_database import LedgerDatabase
from infra.cdk.constructs.webhook_keys import WebhookKeys
from infra.cdk.stages import Stage

DATABASE_NAME = "linkage"


class DataStack(Stack):
    """State: the table, the queues, the keys and, outside the local stage, PostgreSQL."""

    def __init__(self, scope: Construct, *, stage: Stage) -> None:
        super().__init__(scope, stage.stack_name("data"), description="linkage: state")
        protected = stage.table_protected
        self.table = HotStore(self, "HotStore", protected=protected).table
        self.fills = FillsQueue(self, "Fills", visibility_seconds=stage.fills.visibility_seconds)
        self.schedule_dead_letters = dead_letter_queue(self, "ScheduleDeadLetters")
        failures = FailureBucket(
            self, "StreamFailures", protected=protected, emptied=stage.name == "dev"
        ).bucket
        # An export with a name of its own, because the permission's acknowledgement has to name it.
        self.stream_failures_name = f"{self.stack_name}-stream-failures"
        self.stream_failures_arn = self.export_value(failures.bucket_arn, name=self.stream_failures_name)
        self.webhook_keys = WebhookKeys(self, "WebhookKeys", protected=protected)
        self.database: LedgerDatabase | None = None
        if stage.database is not None:
            self.database = LedgerDatabase(
                self, "Ledger", size=stage.database, database_name=DATABASE_NAME, table=self.table
            )
