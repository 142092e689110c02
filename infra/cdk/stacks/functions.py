"""How a stage's functions are made, started, and permitted to do something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from infra.cdk.assets import code_of
from infra.cdk.bundles import ENTRY_POINTS, RDS_AUTHORITIES_NAME, Bundle, bundles_of
from infra.cdk.constructs.event_sources import FAILURE_KEYS, StreamSource
from infra.cdk.constructs.function import LinkageFunction, Network
from infra.cdk.constructs.hot_store import HOUR_INDEX
from infra.cdk.constructs.nag import acknowledge
from infra.cdk.constructs.schedule import FunctionSchedule
from infra.cdk.stacks.data import DATABASE_NAME, DataStack
from infra.cdk.stages import Stage
from infra.cdk.zips import host_target, lambda_target


@dataclass(frozen=True, slots=True)
class Size:
    """What a function may use."""

    memory_mb: int
    timeout_seconds: int


class Functions:
    """The functions of a stack, by the name of their entry point (``record_fills``).

    Every permission is given here, by the function that needs it, so the data stack knows no function.
    """

    def __init__(self, stack: Stack, stage: Stage, data: DataStack) -> None:
        self._stack = stack
        self._stage = stage
        self._data = data
        self._bundles = bundles_of(stage.market, stage.strategy)
        self._target = host_target() if stage.host_bundles else lambda_target()
        self._codes: dict[Bundle, lambda_.Code] = {}
        self.by_name: dict[str, LinkageFunction] = {}

    def __getitem__(self, entry_point: str) -> LinkageFunction:
        """Return the function with this entry point."""
        return self.by_name[entry_point]

    def add(
        self,
        entry_point: str,
        description: str,
        values: Mapping[str, object],
        size: Size,
        *,
        inside: bool = False,
        dynamodb: bool = False,
        dead_letters: sqs.IQueue | None = None,
    ) -> LinkageFunction:
        """Add one function.

        Args:
            entry_point: its name in ``ENTRY_POINTS``.
            description: what it does, for people.
            values: of its settings, by field.
            size: what it may use.
            inside: it needs PostgreSQL, so it is in the VPC where there is one.
            dynamodb: from inside it needs DynamoDB as well.
            dead_letters: where an asynchronous invocation goes that failed for good.
        """
        network = None
        if inside and (database := self._data.database) is not None:
            network = Network(database.vpc, database.recorder_group if dynamodb else database.reader_group)
        function = LinkageFunction(
            self._stack,
            "".join(part.title() for part in entry_point.split("_")) + "Function",
            stage=self._stage,
            code=self._code(entry_point),
            handler=ENTRY_POINTS[entry_point].handler,
            description=description,
            settings=ENTRY_POINTS[entry_point].settings,
            values=values,
            memory_mb=size.memory_mb,
            timeout_seconds=size.timeout_seconds,
            network=network,
            isolated=inside,
            dynamodb=dynamodb,
            dead_letters=dead_letters,
        )
        self.by_name[entry_point] = function
        return function

    def _code(self, entry_point: str) -> lambda_.Code:
        bundle = self._bundles[entry_point]
        if bundle not in self._codes:
            self._codes[bundle] = code_of(bundle, self._target)
        return self._codes[bundle]

    def login(self, login: str) -> dict[str, object]:
        """Return the database settings of a login: a token in AWS, a password on this machine."""
        common = {"db_name": DATABASE_NAME, "db_user": login}
        if (local := self._stage.local) is not None:
            return common | {
                "db_host": local.db_host,
                "db_port": local.db_port,
                "db_auth": "password",
                "db_password": local.db_passwords.get(login, "missing"),
                "db_ca_file": local.db_ca_file,
            }
        database = self._data.database
        assert database is not None
        return common | {
            "db_host": database.host,
            "db_port": database.port,
            "db_auth": "iam",
            "db_ca_file": RDS_AUTHORITIES_NAME,
        }

    def grant_login(self, function: LinkageFunction, login: str) -> None:
        """Allow a function to log in to PostgreSQL with a token."""
        if (database := self._data.database) is not None:
            function.grant(["rds-db:connect"], [database.login_arn(self._stack, login)])

    def grant_items(self, function: LinkageFunction, *operations: str, keys: Sequence[str]) -> None:
        """Allow operations of DynamoDB on those items of the table whose partition keys are among ``keys``.

        A request that names no key meets ``ForAllValues``, so none that needs no key, such as a Scan, may be
        among the operations. A request with several keys has to find all of them in one call's ``keys``.

        Args:
            function: who may.
            operations: ``GetItem`` and so on.
            keys: whole keys, or patterns with ``*``.
        """
        compare = "StringLike" if any("*" in key for key in keys) else "StringEquals"
        function.grant(
            [f"dynamodb:{operation}" for operation in operations],
            [self._data.table.table_arn],
            conditions={f"ForAllValues:{compare}": {"dynamodb:LeadingKeys": [*keys]}},
        )

    def grant_hour_index(self, function: LinkageFunction) -> None:
        """Allow a function to ask the index by hour.

        Its leading key is the hour, which every entry has, so a condition would forbid nothing. It holds keys
        only: what they lead to is read from the table, and only as far as ``grant_items`` allows.
        """
        function.grant(["dynamodb:Query"], [f"{self._data.table.table_arn}/index/{HOUR_INDEX}"])

    def grant_candles(self, function: LinkageFunction) -> None:
        """Allow a function to read the market's bucket, where the market is one."""
        location = self._stage.candle_bucket
        if location is None:
            return
        bucket = f"arn:{self._stack.partition}:s3:::{location.bucket}"
        function.grant(["s3:GetObject"], [f"{bucket}/{location.prefix}*"])
        conditions = {"StringEquals": {"s3:prefix": location.prefix}} if location.prefix else None
        function.grant(["s3:ListBucket"], [bucket], conditions=conditions)
        acknowledge(
            function.role,
            f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::{location.bucket}/{location.prefix}*]",
            "Candle files are named by symbol; the prefix holds nothing else.",
        )

    def grant_fills(self, function: LinkageFunction) -> None:
        """Allow a function to put fills into the queue."""
        actions = ["sqs:SendMessage"]
        if self._stage.local is not None:
            # In AWS the first action covers batches; the emulator checks one that AWS does not have.
            actions.append("sqs:SendMessageBatch")
        function.grant(actions, [self._data.fills.queue.queue_arn])

    def read_stream(self, construct_id: str, entry_point: str, new_image: Mapping[str, object]) -> None:
        """Feed a function with the table's stream; see ``StreamSource``."""
        function = self[entry_point]
        StreamSource(
            self._stack,
            construct_id,
            target=function,
            table=self._data.table,
            failures_arn=self._data.stream_failures_arn,
            new_image=new_image,
        )
        acknowledge(
            function.role,
            f"AwsSolutions-IAM5[Resource::{self._data.stream_failures_name}/{FAILURE_KEYS}]",
            "Lambda names the objects that hold failed stream records.",
        )

    def schedule(
        self, construct_id: str, entry_point: str, expression: str, payload: Mapping[str, object]
    ) -> None:
        """Invoke a function on a schedule; in a replay, whoever replays invokes it."""
        FunctionSchedule(
            self._stack,
            f"{construct_id}Schedule",
            target=self[entry_point],
            expression=expression,
            payload=payload,
            dead_letters=self._data.schedule_dead_letters,
            enabled=not self._stage.replay,
        )
