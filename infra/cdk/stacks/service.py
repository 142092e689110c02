"""The service stack: the functions, and what starts them."""

from __future__ import annotations

from aws_cdk import CfnOutput, CfnResource, Duration, Stack, triggers
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.cdk.bundles import migrations_digest
from infra.cdk.constructs import hot_store as keys
from infra.cdk.constructs.event_sources import QueueSource
from infra.cdk.constructs.nag import acknowledge
from infra.cdk.constructs.report_mail import ReportMail
from infra.cdk.constructs.schedule import SCHEDULED_TIME
from infra.cdk.constructs.signal_api import SignalApi
from infra.cdk.stacks.data import DataStack
from infra.cdk.stacks.functions import Functions, Size
from infra.cdk.stages import Stage

# Kinds of items that nobody archives: tokens, the strategy's state, paper orders and mails' claims.
NO_FACTS = ["token", "state", "paper", "report"]
SCHEDULE_EVENT = {"scheduled_time": SCHEDULED_TIME}


class ServiceStack(Stack):
    """The functions, what starts them, and what each of them may do.

    Attributes:
        functions: by the name of the entry point (``record_fills``).
    """

    def __init__(self, scope: Construct, *, stage: Stage, data: DataStack) -> None:
        super().__init__(scope, stage.stack_name("service"), description="linkage: the flow")
        self._stage = stage
        self._data = data
        self._functions = Functions(self, stage, data)
        self.functions = self._functions.by_name

        self.api = SignalApi(self, "Api", stage=stage)
        self.parameters = ssm.StringParameter(
            self,
            "StrategyParameters",
            parameter_name=f"/linkage/{stage.name}/strategy",
            description="The strategy's parameters; what is not in it has its default",
            string_value="{}",
        )
        self._recorder()
        self._readers()
        self._redrive()
        self._webhook()
        self._strategy()
        self._broker()
        self._report()
        self._bootstrap()
        self._outputs()

    def _recorder(self) -> None:
        """Add the functions that write the ledger, and what feeds them."""
        data, stage, functions = self._data, self._stage, self._functions
        recorder = {**functions.login("recorder"), "table_name": data.table.table_name}
        sizes = {
            "record_fills": Size(512, stage.fills.timeout_seconds),
            "archive_signals": Size(512, 60),
            "sweep": Size(512, 300),
            "maintain": Size(512, 300),
        }
        purposes = {
            "record_fills": "Records fills and order events, and links their orders",
            "archive_signals": "Archives what the hot store streams, and links what waited for it",
            "sweep": "Archives what the stream missed, and measures linkage",
            "maintain": "Maintains the ledger's derived tables and counts what is late",
        }
        for entry_point, size in sizes.items():
            function = functions.add(
                entry_point,
                purposes[entry_point],
                recorder,
                size,
                inside=True,
                dynamodb=True,
                dead_letters=data.schedule_dead_letters if entry_point in ("sweep", "maintain") else None,
            )
            functions.grant_login(function, "recorder")
        swept = [keys.SIGNALS, keys.SNAPSHOTS, keys.RUNS]
        reads = {"record_fills": [keys.SIGNALS], "archive_signals": [keys.SIGNALS], "sweep": swept}
        for entry_point, batches in reads.items():
            functions.grant_items(functions[entry_point], "GetItem", keys=[keys.SWITCH])
            functions.grant_items(functions[entry_point], "BatchGetItem", keys=batches)
        functions.grant_items(functions["sweep"], "Query", keys=[keys.BOTS])
        functions.grant_hour_index(functions["sweep"])
        QueueSource(
            self,
            "FillsSource",
            target=functions["record_fills"],
            queue=data.fills.queue,
            source=stage.fills,
        )
        functions.read_stream(
            "ArchiveSource", "archive_signals", {"kind": {"S": [{"anything-but": NO_FACTS}]}}
        )
        functions.schedule("Sweep", "sweep", stage.schedules.sweep, {})
        functions.schedule("Maintain", "maintain", stage.schedules.maintain, {})

    def _readers(self) -> None:
        """Add the functions that read the ledger, and the one that makes its schema."""
        functions = self._functions
        reader = functions.add(
            "read_ledger",
            "Reads rates, reports and traces from the ledger",
            functions.login("reader"),
            # Reads end after 25 s by themselves; `linkage verify` computes everything afresh.
            Size(512, 600),
            inside=True,
        )
        functions.grant_login(reader, "reader")
        query = functions.add(
            "query_ledger",
            "Answers one SQL query of an operator",
            functions.login("sql_reader"),
            Size(512, 30),
            inside=True,
        )
        functions.grant_login(query, "sql_reader")
        migrate = functions.add(
            "migrate",
            "Brings the schema and the roles up",
            functions.login("migrator"),
            Size(512, 300),
            inside=True,
        )
        functions.grant_login(migrate, "migrator")

    def _redrive(self) -> None:
        """Add the function that redrives dead letters. It is outside: inside there is no way to SQS."""
        data, stage, functions = self._data, self._stage, self._functions
        reader = functions["read_ledger"].function
        redrive = functions.add(
            "redrive",
            "Moves dead letters back into the fills queue once the database answers",
            {
                "fills_queue_url": data.fills.queue.queue_url,
                "fills_dlq_url": data.fills.dead_letters.queue_url,
                "read_ledger_function": reader.function_name,
            },
            Size(256, 300),
            dead_letters=data.schedule_dead_letters,
        )
        actions = ["sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:DeleteMessage"]
        if stage.local is not None:
            actions.append("sqs:DeleteMessageBatch")  # as with sending, only the emulator checks it
        redrive.grant(actions, [data.fills.dead_letters.queue_arn])
        redrive.grant(["lambda:InvokeFunction"], [reader.function_arn])
        functions.grant_fills(redrive)
        functions.schedule("Redrive", "redrive", stage.schedules.redrive, {})

    def _webhook(self) -> None:
        data, functions = self._data, self._functions
        webhook = functions.add(
            "receive",
            "Checks, stores and forwards what bots post",
            {
                "table_name": data.table.table_name,
                "fills_queue_url": data.fills.queue.queue_url,
                "secret_id": data.webhook_keys.arn,
                "forward_to_loopback": self._stage.local is not None,
            },
            # 28 s: the API times out after 29, and a later reply is lost.
            Size(512, 28),
        )
        functions.grant_items(webhook, "GetItem", keys=[keys.BOTS, keys.TOKENS, keys.SIGNALS])
        functions.grant_items(webhook, "BatchGetItem", "UpdateItem", keys=[keys.SIGNALS])
        functions.grant_items(webhook, "PutItem", keys=[keys.SIGNALS, keys.SNAPSHOTS])
        functions.grant_fills(webhook)
        webhook.grant(["secretsmanager:GetSecretValue"], [data.webhook_keys.arn])
        self.api.route_to(webhook)

    def _strategy(self) -> None:
        data, stage, functions = self._data, self._stage, self._functions
        sighook = functions.add(
            "run_strategy",
            "Runs the strategy over the last bars and posts its decisions",
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
            Size(1024, 120),
            dead_letters=data.schedule_dead_letters,
        )
        functions.grant_items(sighook, "GetItem", keys=[keys.STATES])
        functions.grant_items(sighook, "BatchGetItem", keys=[keys.OWN_SIGNALS])
        functions.grant_items(sighook, "PutItem", keys=[keys.STATES, keys.SNAPSHOTS, keys.RUNS])
        sighook.grant(["secretsmanager:GetSecretValue"], [data.webhook_keys.arn])
        sighook.grant(["ssm:GetParameter"], [self.parameters.parameter_arn])
        functions.grant_candles(sighook)
        # Its posts find their route, and the webhook that knows it, before it is updated.
        sighook.function.node.add_dependency(self.api.stage)
        functions.schedule("Strategy", "run_strategy", stage.schedules.strategy, SCHEDULE_EVENT)

    def _broker(self) -> None:
        data, stage, functions = self._data, self._stage, self._functions
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
            functions.add(
                entry_point,
                purpose,
                values,
                Size(512, 60),
                dead_letters=data.schedule_dead_letters if entry_point == "execute_orders" else None,
            )
        own = [keys.PAPER + stage.account]
        functions.grant_items(functions["take_signals"], "PutItem", keys=own)
        functions.grant_items(functions["execute_orders"], "PutItem", "DeleteItem", "Query", keys=own)
        functions.grant_fills(functions["execute_orders"])
        functions.grant_candles(functions["execute_orders"])
        if stage.broker:
            functions.read_stream(
                "BrokerSource", "take_signals", {"kind": {"S": ["signal"]}, "disposition": {"S": ["sent"]}}
            )
            functions.schedule("PaperBroker", "execute_orders", stage.schedules.paper_broker, SCHEDULE_EVENT)

    def _report(self) -> None:
        data, stage, functions = self._data, self._stage, self._functions
        reader = functions["read_ledger"].function
        mail = ReportMail(self, "Mail", stage=stage)
        sender = functions.add(
            "send_report",
            "Renders the report and mails it to each recipient",
            {
                "read_ledger_function": reader.function_name,
                "table_name": data.table.table_name,
                "sender": stage.sender,
                "recipients": ",".join(stage.recipients),
                "configuration_set": f"linkage-{stage.name}",
                "fills_dlq_url": data.fills.dead_letters.queue_url,
                "report_timezone": stage.report_timezone,
            },
            # Memory is processor time as well, and a chart takes some.
            Size(1024, 120),
            dead_letters=data.schedule_dead_letters,
        )
        sender.grant(["lambda:InvokeFunction"], [reader.function_arn])
        functions.grant_items(sender, "GetItem", "PutItem", keys=[keys.REPORT_STATES])
        functions.grant_items(sender, "PutItem", "DeleteItem", keys=[keys.REPORTS])
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
            functions.schedule(f"{name.capitalize()}Report", "send_report", report.schedule, payload)

    def _bootstrap(self) -> None:
        """Add the function that makes what a stage needs before its first event."""
        data, stage, functions = self._data, self._stage, self._functions
        migrate = functions["migrate"].function
        database = data.database
        bootstrap = functions.add(
            "bootstrap",
            "Makes the first roles, keys and bot of a stage, and runs the migrations",
            {
                "migrate_function": migrate.function_name,
                "master_secret_id": database.master_secret_arn if database else None,
                "secret_id": data.webhook_keys.arn,
                "table_name": data.table.table_name,
                "venue": stage.venue,
                "account": stage.account,
                "mode": stage.mode,
            },
            Size(256, 600),
        )
        bootstrap.grant(["lambda:InvokeFunction"], [migrate.function_arn])
        bootstrap.grant(
            ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"],
            [data.webhook_keys.arn],
        )
        if database:
            bootstrap.grant(["secretsmanager:GetSecretValue"], [database.master_secret_arn])
        functions.grant_items(bootstrap, "GetItem", "PutItem", keys=[keys.BOTS])
        self._trigger()

    def _trigger(self) -> None:
        """Run ``bootstrap`` in a deployment that changes it or the migrations."""
        trigger = triggers.Trigger(
            self,
            "Bootstrap",
            handler=self.functions["bootstrap"].function,
            execute_after=[self.functions["migrate"], self.functions["bootstrap"]],
            timeout=Duration.minutes(10),
            execute_on_handler_change=True,
        )
        # A new migration has to run, whether or not any code changes with it.
        resource = trigger.node.find_child("Default").node.default_child
        assert isinstance(resource, CfnResource)
        resource.add_property_override("MigrationsDigest", migrations_digest())
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
            values[output] = self._functions[entry_point].function.function_name
        for output, value in values.items():
            CfnOutput(self, f"Output{output}", value=value).override_logical_id(output)
