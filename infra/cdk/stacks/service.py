"""The service stack: everything that moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import CfnOutput, Duration, Stack, triggers
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from functions.broker.settings import BrokerSettings
from functions.migrate.settings import BootstrapSettings, MigrateSettings
from functions.recorder.settings import RecorderSettings, RedriveSettings
from functions.report.settings import QueryLedgerSettings, ReadLedgerSettings, SendReportSettings
from functions.sighook.settings import SighookSettings
from functions.webhook.settings import WebhookSettings
from infra.cdk.bundling import (
    BUNDLES,
    CANDLES_BUNDLES,
    EXCHANGE_BUNDLES,
    RDS_AUTHORITIES_NAME,
    code_of,
    host_target,
    lambda_target,
    with_strategy,
)
from infra.cdk.constructs.event_sources import FAILURE_KEYS, QueueSource, StreamSource
from infra.cdk.constructs.function import LinkageFunction, Network
from infra.cdk.constructs.hot_store import HOUR_INDEX
from infra.cdk.constructs.nag import acknowledge
from infra.cdk.constructs.report_mail import ReportMail
from infra.cdk.constructs.schedule import SCHEDULED_TIME, FunctionSchedule
from infra.cdk.constructs.signal_api import SignalApi
from infra.cdk.stacks.data import DATABASE_NAME, DataStack
from infra.cdk.stages import Stage
from linkage.runtime.settings import Settings

# Kinds of items that nobody archives: tokens, the strategy's state, paper orders and mails' claims.
NO_FACTS = ["token", "state", "paper", "report"]
SCHEDULE_EVENT = {"scheduled_time": SCHEDULED_TIME}


@dataclass(frozen=True, slots=True)
class _Sizes:
    memory_mb: int
    timeout_seconds: int


class ServiceStack(Stack):
    """The functions, what starts them, and what each of them may do.

    Every permission is given here, by the function that needs it, so the data stack knows nobody.

    Attributes:
        functions: by the last part of the handler string (``record_fills``).
    """

    def __init__(self, scope: Construct, *, stage: Stage, data: DataStack) -> None:
        super().__init__(scope, stage.stack_name("service"), description="linkage: the flow")
        self._stage = stage
        self._data = data
        self._codes: dict[str, lambda_.Code] = {}
        self.functions: dict[str, LinkageFunction] = {}

        self.api = SignalApi(self, "Api", stage=stage)
        self.parameters = ssm.StringParameter(
            self,
            "StrategyParameters",
            parameter_name=f"/linkage/{stage.name}/strategy",
            description="The strategy's parameters; what is not in it has its default",
            string_value="{}",
        )
        self._ledger()
        self._redrive()
        self._webhook()
        self._strategy()
        self._broker()
        self._report()
        self._bootstrap()
        self._outputs()

    def _ledger(self) -> None:
        """Add the functions that reach PostgreSQL, and what feeds them."""
        data, stage = self._data, self._stage
        recorder = {**self._login("recorder"), "table_name": data.table.table_name}
        sizes = {
            "record_fills": _Sizes(512, stage.fills.timeout_seconds),
            "archive_signals": _Sizes(512, 60),
            "sweep": _Sizes(512, 300),
            "maintain": _Sizes(512, 300),
        }
        purposes = {
            "record_fills": "Records fills and order events, and links their orders",
            "archive_signals": "Archives what the hot store streams, and links what waited for it",
            "sweep": "Archives what the stream missed, and measures linkage",
            "maintain": "Keeps the ledger's derived tables and counts what is late",
        }
        for entry_point, size in sizes.items():
            function = self._function(
                "recorder",
                f"functions.recorder.handler.{entry_point}",
                purposes[entry_point],
                RecorderSettings,
                recorder,
                size,
                inside=True,
                dynamodb=True,
                dead_letters=data.schedule_dead_letters if entry_point in ("sweep", "maintain") else None,
            )
            self._grant_login(function, "recorder")
            if entry_point != "maintain":
                self._grant_table(function, "GetItem", "BatchGetItem")
        table_arn = data.table.table_arn
        self.functions["sweep"].grant(["dynamodb:Query"], [table_arn, f"{table_arn}/index/{HOUR_INDEX}"])
        QueueSource(
            self,
            "FillsSource",
            target=self.functions["record_fills"],
            queue=data.fills.queue,
            source=stage.fills,
        )
        self._read_stream("ArchiveSource", "archive_signals", {"kind": {"S": [{"anything-but": NO_FACTS}]}})
        self._schedule("Sweep", "sweep", stage.schedules.sweep, {})
        self._schedule("Maintain", "maintain", stage.schedules.maintain, {})

        reader = self._function(
            "ledger",
            "functions.report.read.read_ledger",
            "Reads rates, reports and traces from the ledger",
            ReadLedgerSettings,
            self._login("reader"),
            # Reads end after 25 s by themselves; `linkage verify` computes everything afresh.
            _Sizes(512, 600),
            inside=True,
        )
        self._grant_login(reader, "reader")
        query = self._function(
            "ledger",
            "functions.report.query.query_ledger",
            "Answers one SQL query of an operator",
            QueryLedgerSettings,
            self._login("sql_reader"),
            _Sizes(512, 30),
            inside=True,
        )
        self._grant_login(query, "sql_reader")
        migrate = self._function(
            "migrate",
            "functions.migrate.handler.migrate",
            "Brings the schema and the roles up",
            MigrateSettings,
            self._login("migrator"),
            _Sizes(512, 300),
            inside=True,
        )
        self._grant_login(migrate, "migrator")

    def _redrive(self) -> None:
        """Add the function that brings dead letters back. It is outside: inside there is no way to SQS."""
        data, stage = self._data, self._stage
        reader = self.functions["read_ledger"].function
        redrive = self._function(
            "recorder",
            "functions.recorder.redrive.redrive",
            "Moves dead letters back into the fills queue once the database answers",
            RedriveSettings,
            {
                "fills_queue_url": data.fills.queue.queue_url,
                "fills_dlq_url": data.fills.dead_letters.queue_url,
                "read_ledger_function": reader.function_name,
            },
            _Sizes(256, 300),
            dead_letters=data.schedule_dead_letters,
        )
        actions = ["sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:DeleteMessage"]
        if stage.local is not None:
            actions.append("sqs:DeleteMessageBatch")  # as with sending, only the emulator asks for it
        redrive.grant(actions, [data.fills.dead_letters.queue_arn])
        redrive.grant(["lambda:InvokeFunction"], [reader.function_arn])
        self._grant_fills(redrive)
        self._schedule("Redrive", "redrive", stage.schedules.redrive, {})

    def _webhook(self) -> None:
        data = self._data
        webhook = self._function(
            "webhook",
            "functions.webhook.handler.receive",
            "Checks, stores and forwards what bots post",
            WebhookSettings,
            {
                "table_name": data.table.table_name,
                "fills_queue_url": data.fills.queue.queue_url,
                "secret_id": data.webhook_keys.arn,
            },
            # 28 s: the API gives up after 29, and then nobody hears the answer.
            _Sizes(512, 28),
        )
        self._grant_table(webhook, "GetItem", "BatchGetItem", "PutItem", "UpdateItem")
        self._grant_fills(webhook)
        webhook.grant(["secretsmanager:GetSecretValue"], [data.webhook_keys.arn])
        self.api.route_to(webhook)

    def _strategy(self) -> None:
        data, stage = self._data, self._stage
        sighook = self._function(
            "sighook",
            "functions.sighook.handler.run_strategy",
            "Runs the strategy over the last bars and posts its decisions",
            SighookSettings,
            {
                "webhook_url": self.api.url,
                "table_name": data.table.table_name,
                "secret_id": data.webhook_keys.arn,
                "parameters_name": self.parameters.parameter_name,
                "strategy": stage.strategy,
                "market": stage.market,
                "symbols": stage.symbols,
                "venue": stage.venue,
                "account": stage.account,
                "replay": stage.replay,
                "max_suppressed_per_run": stage.max_suppressed_per_run,
            },
            _Sizes(1024, 120),
            dead_letters=data.schedule_dead_letters,
        )
        self._grant_table(sighook, "GetItem", "BatchGetItem", "PutItem")
        sighook.grant(["secretsmanager:GetSecretValue"], [data.webhook_keys.arn])
        sighook.grant(["ssm:GetParameter"], [self.parameters.parameter_arn])
        self._grant_candles(sighook)
        self._schedule("Strategy", "run_strategy", stage.schedules.strategy, SCHEDULE_EVENT)

    def _broker(self) -> None:
        data, stage = self._data, self._stage
        values = {
            "table_name": data.table.table_name,
            "fills_queue_url": data.fills.queue.queue_url,
            "market": stage.market,
            "venue": stage.venue,
            "account": stage.account,
            "seed": stage.broker_seed,
        }
        purposes = {
            "take_signals": "Takes sent signals as paper orders",
            "execute_orders": "Executes paper orders against the market",
        }
        for entry_point, purpose in purposes.items():
            self._function(
                "broker",
                f"functions.broker.handler.{entry_point}",
                purpose,
                BrokerSettings,
                values,
                _Sizes(512, 60),
                dead_letters=data.schedule_dead_letters if entry_point == "execute_orders" else None,
            )
        self._grant_table(self.functions["take_signals"], "PutItem")
        self._grant_table(self.functions["execute_orders"], "PutItem", "DeleteItem", "Query")
        self._grant_fills(self.functions["execute_orders"])
        self._grant_candles(self.functions["execute_orders"])
        if stage.broker:
            self._read_stream(
                "BrokerSource", "take_signals", {"kind": {"S": ["signal"]}, "disposition": {"S": ["sent"]}}
            )
            self._schedule("PaperBroker", "execute_orders", stage.schedules.paper_broker, SCHEDULE_EVENT)

    def _report(self) -> None:
        data, stage = self._data, self._stage
        reader = self.functions["read_ledger"].function
        mail = ReportMail(self, "Mail", stage=stage)
        sender = self._function(
            "report",
            "functions.report.handler.send_report",
            "Renders the report and mails it to each recipient",
            SendReportSettings,
            {
                "read_ledger_function": reader.function_name,
                "table_name": data.table.table_name,
                "sender": stage.sender,
                "recipients": ",".join(stage.recipients),
                "configuration_set": f"linkage-{stage.name}",
                "fills_dlq_url": data.fills.dead_letters.queue_url,
                "report_timezone": stage.report_timezone,
            },
            # Memory is processor time as well, and a picture takes some.
            _Sizes(1024, 120),
            dead_letters=data.schedule_dead_letters,
        )
        sender.grant(["lambda:InvokeFunction"], [reader.function_arn])
        self._grant_table(sender, "GetItem", "PutItem", "DeleteItem")
        sender.grant(["sqs:GetQueueAttributes"], [data.fills.dead_letters.queue_arn])
        mail.grant_send(sender)
        for name, report in stage.reports.items():
            payload: dict[str, object] = {
                **SCHEDULE_EVENT,
                "report": name,
                "hours": report.hours,
                "send_when": report.send_when,
                "verdicts": report.verdicts,
            }
            if report.recipients:
                payload["recipients"] = list(report.recipients)
            self._schedule(f"{name.capitalize()}Report", "send_report", report.schedule, payload)

    def _bootstrap(self) -> None:
        """Add the function that a deployment runs once its predecessors exist."""
        data, stage = self._data, self._stage
        migrate = self.functions["migrate"].function
        database = data.database
        bootstrap = self._function(
            "migrate",
            "functions.migrate.bootstrap.bootstrap",
            "Makes the first roles, keys and bot of a stage, and runs the migrations",
            BootstrapSettings,
            {
                "migrate_function": migrate.function_name,
                "master_secret_id": database.master_secret_arn if database else None,
                "secret_id": data.webhook_keys.arn,
                "table_name": data.table.table_name,
                "venue": stage.venue,
                "account": stage.account,
                "mode": stage.mode,
            },
            _Sizes(256, 600),
        )
        bootstrap.grant(["lambda:InvokeFunction"], [migrate.function_arn])
        bootstrap.grant(
            ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"],
            [data.webhook_keys.arn],
        )
        if database:
            bootstrap.grant(["secretsmanager:GetSecretValue"], [database.master_secret_arn])
        self._grant_table(bootstrap, "GetItem", "PutItem")
        trigger = triggers.Trigger(
            self,
            "Bootstrap",
            handler=bootstrap.function,
            execute_after=[self.functions["migrate"], bootstrap],
            timeout=Duration.minutes(10),
            execute_on_handler_change=True,
        )
        # Events wait in the stream and the queue until the schema is there.
        for source in ("FillsSource", "ArchiveSource"):
            self.node.find_child(source).node.add_dependency(trigger)
        provider = self.node.find_child("AWSCDK.TriggerCustomResourceProviderCustomResourceProvider")
        reason = "CDK's own function, which invokes bootstrap and nothing else."
        acknowledge(
            provider,
            "AwsSolutions-IAM4[Policy::arn:${AWS::Partition}:iam::aws:policy/service-role/"
            "AWSLambdaBasicExecutionRole]",
            reason,
        )
        acknowledge(provider, "AwsSolutions-L1", "CDK chooses the runtime of its own function.")

    def _function(
        self,
        group: str,
        handler: str,
        description: str,
        settings: type[Settings],
        values: Mapping[str, object],
        size: _Sizes,
        *,
        inside: bool = False,
        dynamodb: bool = False,
        dead_letters: sqs.IQueue | None = None,
    ) -> LinkageFunction:
        """Add one function. ``inside``: it needs PostgreSQL, so it is in the VPC where there is one."""
        entry_point = handler.rsplit(".", 1)[1]
        network = None
        if inside and (database := self._data.database) is not None:
            group_of_clients = database.recorder_group if dynamodb else database.reader_group
            network = Network(database.vpc, group_of_clients)
        function = LinkageFunction(
            self,
            "".join(part.title() for part in entry_point.split("_")) + "Function",
            stage=self._stage,
            code=self._code(group),
            handler=handler,
            description=description,
            settings=settings,
            values=values,
            memory_mb=size.memory_mb,
            timeout_seconds=size.timeout_seconds,
            network=network,
            isolated=inside,
            dynamodb=dynamodb,
            dead_letters=dead_letters,
        )
        self.functions[entry_point] = function
        return function

    def _code(self, group: str) -> lambda_.Code:
        if group not in self._codes:
            target = host_target() if self._stage.host_bundles else lambda_target()
            bundles = BUNDLES
            if self._stage.on_exchange:
                bundles = BUNDLES | EXCHANGE_BUNDLES
            elif self._stage.on_files:
                bundles = BUNDLES | CANDLES_BUNDLES
            bundle = bundles[group]
            if group == "sighook":
                bundle = with_strategy(bundle, self._stage.strategy)
            self._codes[group] = code_of(bundle, target)
        return self._codes[group]

    def _login(self, login: str) -> dict[str, object]:
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

    def _grant_login(self, function: LinkageFunction, login: str) -> None:
        if (database := self._data.database) is not None:
            function.grant(["rds-db:connect"], [database.login_arn(self, login)])

    def _grant_table(self, function: LinkageFunction, *operations: str) -> None:
        function.grant([f"dynamodb:{operation}" for operation in operations], [self._data.table.table_arn])

    def _grant_candles(self, function: LinkageFunction) -> None:
        place = self._stage.candle_bucket
        if place is None:
            return
        bucket = f"arn:{self.partition}:s3:::{place.bucket}"
        function.grant(["s3:GetObject"], [f"{bucket}/{place.prefix}*"])
        conditions = {"StringEquals": {"s3:prefix": place.prefix}} if place.prefix else None
        function.grant(["s3:ListBucket"], [bucket], conditions=conditions)
        acknowledge(
            function.role,
            f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::{place.bucket}/{place.prefix}*]",
            "Candle files are named by symbol; the prefix holds nothing else.",
        )

    def _grant_fills(self, function: LinkageFunction) -> None:
        actions = ["sqs:SendMessage"]
        if self._stage.local is not None:
            # In AWS the first action covers batches; the emulator asks for one that AWS does not have.
            actions.append("sqs:SendMessageBatch")
        function.grant(actions, [self._data.fills.queue.queue_arn])

    def _read_stream(self, construct_id: str, entry_point: str, new_image: Mapping[str, object]) -> None:
        data, function = self._data, self.functions[entry_point]
        StreamSource(
            self,
            construct_id,
            target=function,
            table=data.table,
            failures_arn=data.stream_failures_arn,
            new_image=new_image,
        )
        acknowledge(
            function.role,
            f"AwsSolutions-IAM5[Resource::{data.stream_failures_name}/{FAILURE_KEYS}]",
            "Lambda names the objects that hold failed stream records.",
        )

    def _schedule(
        self,
        construct_id: str,
        entry_point: str,
        expression: str,
        payload: Mapping[str, object],
    ) -> None:
        FunctionSchedule(
            self,
            f"{construct_id}Schedule",
            target=self.functions[entry_point],
            expression=expression,
            payload=payload,
            dead_letters=self._data.schedule_dead_letters,
            enabled=not self._stage.replay,
        )

    def _outputs(self) -> None:
        data = self._data
        values = {
            "ApiUrl": self.api.url,
            "ApiId": self.api.api.ref,
            "TableName": data.table.table_name,
            "FillsQueueUrl": data.fills.queue.queue_url,
            "FillsDlqUrl": data.fills.dead_letters.queue_url,
            "ScheduleDlqUrl": data.schedule_dead_letters.queue_url,
            "SecretArn": data.webhook_keys.arn,
            "ParametersName": self.parameters.parameter_name,
        }
        names = {
            "SighookFunction": "run_strategy",
            "WebhookFunction": "receive",
            "RecordFillsFunction": "record_fills",
            "ArchiveSignalsFunction": "archive_signals",
            "SweepFunction": "sweep",
            "MaintainFunction": "maintain",
            "RedriveFunction": "redrive",
            "ReadLedgerFunction": "read_ledger",
            "QueryLedgerFunction": "query_ledger",
            "SendReportFunction": "send_report",
            "BrokerTakeSignalsFunction": "take_signals",
            "BrokerExecuteOrdersFunction": "execute_orders",
            "MigrateFunction": "migrate",
            "BootstrapFunction": "bootstrap",
        }
        for output, entry_point in names.items():
            values[output] = self.functions[entry_point].function.function_name
        for output, value in values.items():
            CfnOutput(self, f"Output{output}", value=value).override_logical_id(output)
