"""What must be true of every stage's templates. Each function is one promise; ``CHECKS`` has them all.

They are apart from the tests, because test_faults.py shows for each deliberate fault that one of them
fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from functions.broker.settings import BrokerSettings
from functions.migrate.settings import BootstrapSettings, MigrateSettings
from functions.recorder.settings import RecorderSettings, RedriveSettings
from functions.report.settings import QueryLedgerSettings, ReadLedgerSettings, SendReportSettings
from functions.sighook.settings import SighookSettings
from functions.webhook.settings import WebhookSettings
from linkage.contracts import items
from linkage.runtime.settings import Settings, variable_name
from tests.infra.assembly import Assembly, Resource, text_of

DAY = 86_400

SETTINGS: dict[str, type[Settings]] = {
    "functions.sighook.handler.run_strategy": SighookSettings,
    "functions.webhook.handler.receive": WebhookSettings,
    "functions.recorder.handler.record_fills": RecorderSettings,
    "functions.recorder.handler.archive_signals": RecorderSettings,
    "functions.recorder.handler.sweep": RecorderSettings,
    "functions.recorder.handler.maintain": RecorderSettings,
    "functions.recorder.redrive.redrive": RedriveSettings,
    "functions.report.handler.send_report": SendReportSettings,
    "functions.report.read.read_ledger": ReadLedgerSettings,
    "functions.report.query.query_ledger": QueryLedgerSettings,
    "functions.broker.handler.take_signals": BrokerSettings,
    "functions.broker.handler.execute_orders": BrokerSettings,
    "functions.migrate.handler.migrate": MigrateSettings,
    "functions.migrate.bootstrap.bootstrap": BootstrapSettings,
}

LOGINS = {
    "record_fills": "recorder",
    "archive_signals": "recorder",
    "sweep": "recorder",
    "maintain": "recorder",
    "read_ledger": "reader",
    "query_ledger": "sql_reader",
    "migrate": "migrator",
}

OUTPUTS = {
    "ApiUrl",
    "ApiId",
    "TableName",
    "FillsQueueUrl",
    "FillsDlqUrl",
    "ScheduleDlqUrl",
    "SecretArn",
    "ParametersName",
    "SighookFunction",
    "WebhookFunction",
    "RecordFillsFunction",
    "ArchiveSignalsFunction",
    "SweepFunction",
    "MaintainFunction",
    "RedriveFunction",
    "ReadLedgerFunction",
    "QueryLedgerFunction",
    "SendReportFunction",
    "BrokerTakeSignalsFunction",
    "BrokerExecuteOrdersFunction",
    "MigrateFunction",
    "BootstrapFunction",
}

ALARMS = {
    "orders-lost",
    "orders-conflict",
    "linkage-rate",
    "no-expected-orders",
    "executed-linkage-halved",
    "snapshot-changed",
    "fills-dead-letters",
    "fills-waiting",
    "runs-dead-letters",
    "signals-unarchived",
    "not-understood",
    "requests-turned-away",
    "requests-failed",
    "function-errors",
    "report-missing",
}

# Every wildcard that was reviewed: (action, resource as text).
WILDCARDS = {
    # These calls take no resource.
    ("xray:PutTraceSegments", "*"),
    ("xray:PutTelemetryRecords", "*"),
    ("ec2:CreateNetworkInterface", "*"),
    ("ec2:DeleteNetworkInterface", "*"),
    ("ec2:DescribeNetworkInterfaces", "*"),
    ("ec2:AssignPrivateIpAddresses", "*"),
    ("ec2:UnassignPrivateIpAddresses", "*"),
    ("ec2:DescribeSubnets", "*"),
    # Lambda names the objects that hold failed stream records.
    ("s3:PutObject", "{STAGE-stream-failures}/aws/lambda/*"),
    # CDK's trigger invokes one version of bootstrap.
    ("lambda:InvokeFunction", "{BootstrapFunction.Arn}:*"),
}

# The emulator checks the right to send mail on no resource at all.
LOCAL_WILDCARDS = {("ses:SendEmail", "*"), ("ses:SendRawEmail", "*")}


def each_function_has_exactly_the_environment_of_its_settings(assembly: Assembly) -> None:
    deployed = {each["Handler"]: each for each in assembly.functions().values()}
    assert deployed.keys() == SETTINGS.keys()
    for handler, properties in deployed.items():
        settings = SETTINGS[handler]
        variables = properties["Environment"]["Variables"]
        wanted = {variable_name(field) for field in settings.model_fields}
        wanted.discard("LINKAGE_PARAMETERS_OVERRIDE")
        if assembly.stage.local is None:
            wanted.discard("LINKAGE_DB_PASSWORD")
        else:
            wanted.discard("LINKAGE_MASTER_SECRET_ID")
        ours = {name for name in variables if not name.startswith("AWS_")}
        assert ours == wanted, handler
        loaded = settings.load({name: _plain(value) for name, value in variables.items()})
        assert loaded.stage == assembly.stage.name


def no_environment_holds_a_secret_outside_this_machine(assembly: Assembly) -> None:
    for entry_point, properties in assembly.functions().items():
        variables = properties["Environment"]["Variables"]
        if assembly.stage.local is None:
            assert "LINKAGE_DB_PASSWORD" not in variables, entry_point
            assert not any(name.startswith("AWS_") for name in variables), entry_point
        assert len(json.dumps(variables)) < 4096, entry_point


def functions_run_on_the_tested_platform_and_end_in_time(assembly: Assembly) -> None:
    for entry_point, properties in assembly.functions().items():
        assert properties["Runtime"] == "python3.13", entry_point
        assert properties["TracingConfig"] == {"Mode": "Active"}, entry_point
        assert properties["Timeout"] <= 600, entry_point
        assert "ReservedConcurrentExecutions" not in properties, entry_point
        if assembly.stage.local is None:
            assert properties["Architectures"] == ["arm64"], entry_point
    # The API gives up after 29 seconds; later answers reach nobody.
    assert assembly.functions()["receive"]["Timeout"] < 29


def functions_with_postgresql_are_inside_and_all_others_outside(assembly: Assembly) -> None:
    inside = {name for name, each in assembly.functions().items() if "VpcConfig" in each}
    assert inside == (set() if assembly.stage.local else set(LOGINS))
    for entry_point, login in LOGINS.items():
        assert assembly.environment(entry_point)["LINKAGE_DB_USER"] == login


def local_functions_that_are_inside_in_aws_find_every_other_endpoint_closed(assembly: Assembly) -> None:
    if assembly.stage.local is None:
        return
    for entry_point in assembly.functions():
        variables = assembly.environment(entry_point)
        closed = {name for name, value in variables.items() if value == "http://127.0.0.1:9"}
        if entry_point not in LOGINS:
            assert not closed, entry_point
            continue
        assert closed == {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"}, entry_point
        has_table = "LINKAGE_TABLE_NAME" in variables
        assert ("AWS_ENDPOINT_URL_DYNAMODB" in variables) == has_table, entry_point


def every_function_logs_to_a_group_with_retention(assembly: Assembly) -> None:
    groups = {name: each["Properties"] for name, each in assembly.named("AWS::Logs::LogGroup")}
    for properties in groups.values():
        assert properties["RetentionInDays"] == assembly.stage.log_days
    for entry_point, properties in assembly.functions().items():
        group = groups[properties["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["LogGroupName"] == f"/aws/lambda/{properties['FunctionName']}", entry_point


def fills_stay_invisible_for_longer_than_anybody_works_on_them(assembly: Assembly) -> None:
    mapping, timeout = assembly.mappings()["record_fills"], assembly.functions()["record_fills"]["Timeout"]
    least = 6 * timeout + mapping["MaximumBatchingWindowInSeconds"]
    assert assembly.queue("FillsQueue")["VisibilityTimeout"] >= least


def a_batch_of_fills_reports_its_failures_and_few_run_at_once(assembly: Assembly) -> None:
    mapping = assembly.mappings()["record_fills"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 4}
    if mapping["BatchSize"] > 10 and assembly.stage.local is None:
        assert mapping["MaximumBatchingWindowInSeconds"] >= 1


def what_fails_for_good_is_kept_for_fourteen_days(assembly: Assembly) -> None:
    queues = {name: each["Properties"] for name, each in assembly.named("AWS::SQS::Queue")}
    dead_letters = {name for name in queues if "DeadLetters" in name}
    assert len(dead_letters) == 2
    for name, properties in queues.items():
        assert properties["SqsManagedSseEnabled"] is True, name
        assert properties["MessageRetentionPeriod"] == 14 * DAY, name
        if name in dead_letters:
            continue
        redrive = properties["RedrivePolicy"]
        assert redrive["maxReceiveCount"] == 50
        assert redrive["deadLetterTargetArn"]["Fn::GetAtt"][0] in dead_letters


def dead_letters_come_back_by_themselves_with_the_least_of_rights(assembly: Assembly) -> None:
    (schedule,) = [
        each["Properties"]
        for name, each in assembly.named("AWS::Scheduler::Schedule")
        if name.startswith("RedriveSchedule")
    ]
    assert schedule["ScheduleExpression"] == "cron(11/15 * * * ? *)"
    (policy,) = [
        each["Properties"]["PolicyDocument"]
        for name, each in assembly.named("AWS::IAM::Policy")
        if name.startswith("RedriveFunctionRole")
    ]
    may = {
        (action, _queue_of(text_of(resource)))
        for statement in policy["Statement"]
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
        # The emulator asks for rights to batches; the failure destination has what CDK gives it.
        if action.startswith("sqs:") and not action.endswith("Batch")
        if "ScheduleDeadLetters" not in text_of(resource)
    }
    assert may == {
        ("sqs:GetQueueAttributes", "FillsDeadLetters"),
        ("sqs:ReceiveMessage", "FillsDeadLetters"),
        ("sqs:DeleteMessage", "FillsDeadLetters"),
        ("sqs:SendMessage", "FillsQueue"),
    }


def streams_are_read_from_the_start_and_nothing_is_dropped(assembly: Assembly) -> None:
    readers = {"archive_signals"} | ({"take_signals"} if assembly.stage.broker else set())
    assert assembly.mappings().keys() == readers | {"record_fills"}
    for entry_point in readers:
        mapping = assembly.mappings()[entry_point]
        assert mapping["StartingPosition"] == "TRIM_HORIZON"
        assert mapping["BisectBatchOnFunctionError"] is True
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["MaximumRetryAttempts"] == -1
        assert mapping["MaximumRecordAgeInSeconds"] == -1
        (only,) = mapping["FilterCriteria"]["Filters"]
        pattern = json.loads(only["Pattern"])
        assert pattern["eventName"] == ["INSERT", "MODIFY"]
        wanted = pattern["dynamodb"]["NewImage"]
        if entry_point == "take_signals":
            assert wanted == {"kind": {"S": ["signal"]}, "disposition": {"S": ["sent"]}}
        else:
            assert wanted == {"kind": {"S": [{"anything-but": ["token", "state", "paper", "report"]}]}}
        destination = text_of(mapping["DestinationConfig"]["OnFailure"]["Destination"])
        assert destination.endswith("-stream-failures}")


def the_table_expires_restores_and_streams(assembly: Assembly) -> None:
    table = assembly.one("AWS::DynamoDB::GlobalTable")
    (replica,) = table["Replicas"]
    assert table["TimeToLiveSpecification"] == {"AttributeName": items.TTL_ATTRIBUTE, "Enabled": True}
    assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert [key["AttributeName"] for key in table["KeySchema"]] == [items.PK, items.SK]
    (index,) = table["GlobalSecondaryIndexes"]
    assert index["IndexName"] == items.HOUR_INDEX
    assert [key["AttributeName"] for key in index["KeySchema"]] == [items.HOUR_INDEX_PK, items.HOUR_INDEX_SK]
    assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}


def only_prod_keeps_its_data_when_it_is_removed(assembly: Assembly) -> None:
    protected = assembly.stage.name == "prod"
    kinds = (
        "AWS::DynamoDB::GlobalTable",
        "AWS::RDS::DBInstance",
        "AWS::SecretsManager::Secret",
        "AWS::S3::Bucket",
    )
    for name, resource in assembly.named(*kinds):
        assert resource["DeletionPolicy"] == ("Retain" if protected else "Delete"), name
    (replica,) = assembly.one("AWS::DynamoDB::GlobalTable")["Replicas"]
    assert replica["DeletionProtectionEnabled"] is protected
    for instance in assembly.all("AWS::RDS::DBInstance"):
        assert instance["DeletionProtection"] is protected


def the_database_is_private_encrypted_and_backed_up(assembly: Assembly) -> None:
    if assembly.stage.local is not None:
        assert not assembly.all("AWS::RDS::DBInstance", "AWS::EC2::VPC")
        return
    instance = assembly.one("AWS::RDS::DBInstance")
    assert instance["StorageEncrypted"] is True
    assert instance["PubliclyAccessible"] is False
    assert instance["EnableIAMDatabaseAuthentication"] is True
    assert instance["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in instance
    assert instance["BackupRetentionPeriod"] >= (7 if assembly.stage.name == "prod" else 1)
    assert instance["StorageType"] == "gp3"
    assert re.fullmatch(r"17\.\d+", instance["EngineVersion"])
    assert instance["AutoMinorVersionUpgrade"] is False
    assert instance["DBInstanceClass"] == "db.t4g.micro"
    assert assembly.one("AWS::RDS::DBParameterGroup")["Parameters"]["rds.force_ssl"] == "1"


def nothing_in_the_network_costs_money_or_faces_the_internet(assembly: Assembly) -> None:
    assert not assembly.all("AWS::EC2::NatGateway", "AWS::EC2::InternetGateway", "AWS::EC2::EIP")
    endpoints = assembly.all("AWS::EC2::VPCEndpoint")
    assert all(each.get("VpcEndpointType", "Gateway") == "Gateway" for each in endpoints)
    assert len(endpoints) == (0 if assembly.stage.local else 1)
    for subnet in assembly.all("AWS::EC2::Subnet"):
        assert subnet["MapPublicIpOnLaunch"] is False
    assert not assembly.all("AWS::EC2::Route")
    for group in assembly.all("AWS::EC2::SecurityGroup"):
        assert not group.get("SecurityGroupIngress")
    for rule in assembly.all("AWS::EC2::SecurityGroupIngress"):
        assert "SourceSecurityGroupId" in rule
        assert rule["FromPort"] == rule["ToPort"] == 5432


def no_permission_is_wider_than_reviewed(assembly: Assembly) -> None:
    found: set[tuple[str, str]] = set()
    for statement in _statements(assembly):
        assert statement["Effect"] == "Allow"
        assert "NotAction" not in statement
        assert "NotResource" not in statement
        for action in _listed(statement["Action"]):
            assert "*" not in action, action
            for resource in _listed(statement["Resource"]):
                text = _stable(text_of(resource), assembly)
                if "*" in text:
                    found.add((action, text))
    reviewed = WILDCARDS | LOCAL_WILDCARDS if assembly.stage.local else WILDCARDS
    assert found <= reviewed, found - reviewed


def nobody_but_cdk_uses_a_managed_policy(assembly: Assembly) -> None:
    for name, role in assembly.named("AWS::IAM::Role"):
        if "CustomResourceProvider" not in name:
            assert "ManagedPolicyArns" not in role["Properties"], name


def schedules_give_up_before_a_signal_is_stale(assembly: Assembly) -> None:
    schedules = {name: each["Properties"] for name, each in assembly.named("AWS::Scheduler::Schedule")}
    wanted = (5 if assembly.stage.broker else 4) + len(assembly.stage.reports)
    assert len(schedules) == wanted
    for name, properties in schedules.items():
        target = properties["Target"]
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 240, "MaximumRetryAttempts": 2}, name
        assert "ScheduleDeadLetters" in text_of(target["DeadLetterConfig"]["Arn"]), name
        assert properties["State"] == ("DISABLED" if assembly.stage.replay else "ENABLED"), name
        assert properties["ScheduleExpressionTimezone"] == "UTC", name
    strategy = next(each for name, each in schedules.items() if name.startswith("StrategySchedule"))
    assert strategy["ScheduleExpression"] == "cron(0/5 * * * ? *)"
    assert json.loads(strategy["Target"]["Input"]) == {"scheduled_time": "<aws.scheduler.scheduled-time>"}


def a_scheduled_run_is_not_repeated_by_lambda(assembly: Assembly) -> None:
    ids = assembly.function_ids()
    configured = {
        ids[each["FunctionName"]["Ref"]]: each for each in assembly.all("AWS::Lambda::EventInvokeConfig")
    }
    assert configured.keys() == {
        "run_strategy",
        "execute_orders",
        "sweep",
        "maintain",
        "redrive",
        "send_report",
    }
    for entry_point, properties in configured.items():
        assert properties["MaximumRetryAttempts"] == 0, entry_point
        destination = text_of(properties["DestinationConfig"]["OnFailure"]["Destination"])
        assert "ScheduleDeadLetters" in destination, entry_point


def the_api_is_throttled_and_its_log_has_no_path(assembly: Assembly) -> None:
    stage = assembly.one("AWS::ApiGatewayV2::Stage")
    settings = stage["DefaultRouteSettings"]
    assert settings["ThrottlingRateLimit"] == assembly.stage.api_rate
    assert settings["ThrottlingBurstLimit"] == assembly.stage.api_burst
    assert not settings.get("DataTraceEnabled")
    log = json.loads(stage["AccessLogSettings"]["Format"])
    assert log["route_key"] == "$context.routeKey"
    logged = " ".join(log.values())
    for secret in ("path", "Path", "header", "Header", "body", "query", "authorizer"):
        assert secret not in logged, secret
    routes = {each["RouteKey"] for each in assembly.all("AWS::ApiGatewayV2::Route")}
    assert routes == {
        "POST /webhook",
        "POST /v1/signals",
        "POST /v1/orders",
        "POST /v1/fills/{source}",
        "POST /v1/snapshots",
        "GET /health",
        "$default",
    }


def buckets_are_private(assembly: Assembly) -> None:
    block = assembly.one("AWS::S3::Bucket")["PublicAccessBlockConfiguration"]
    assert all(
        block[name] is True
        for name in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    )
    assert "BucketEncryption" in assembly.one("AWS::S3::Bucket")


def mail_leaves_from_one_identity_only(assembly: Assembly) -> None:
    if assembly.stage.local is not None:
        return
    for statement in _statements(assembly):
        if not any(action.startswith("ses:") for action in _listed(statement["Action"])):
            continue
        assert set(_listed(statement["Action"])) == {"ses:SendEmail", "ses:SendRawEmail"}
        for resource in _listed(statement["Resource"]):
            text = text_of(resource)
            known = (f"identity/{assembly.stage.sender}", f"configuration-set/linkage-{assembly.stage.name}")
            recipients = tuple(f"identity/{name}" for name in assembly.stage.recipients)
            assert text.endswith(known + (recipients if assembly.stage.mail_sandbox else ()))


def the_schema_is_there_before_events_flow(assembly: Assembly) -> None:
    (name, trigger), *others = assembly.named("Custom::Trigger")
    assert not others
    assert any("MigrateFunction" in each for each in trigger["DependsOn"])
    ids = assembly.function_ids()
    for _, mapping in assembly.named("AWS::Lambda::EventSourceMapping"):
        if ids[mapping["Properties"]["FunctionName"]["Ref"]] in LOGINS:
            assert name in mapping["DependsOn"]


def the_service_stack_prints_what_the_command_needs(assembly: Assembly) -> None:
    outputs = assembly.templates["service"]["Outputs"]
    assert {name for name, each in outputs.items() if "Export" not in each} == OUTPUTS


def every_alarm_is_there_and_tells_somebody(assembly: Assembly) -> None:
    if assembly.stage.local is not None:
        assert "operations" not in assembly.templates
        return
    prefix = f"linkage-{assembly.stage.name}-"
    alarms = {each["AlarmName"].removeprefix(prefix): each for each in assembly.all("AWS::CloudWatch::Alarm")}
    assert alarms.keys() == ALARMS
    assert len(alarms) <= 15
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == alarm["OKActions"] != [], name
    assert alarms["linkage-rate"]["Threshold"] == 90
    assert alarms["orders-lost"]["Threshold"] == alarms["orders-conflict"]["Threshold"] == 1
    assert alarms["report-missing"]["TreatMissingData"] == "breaching"
    series = {each["MetricName"] for each in _metrics(alarms.values()) if each["Namespace"] == "linkage"}
    assert 0 < len(series) <= 10


def saved_queries_answer_the_five_questions(assembly: Assembly) -> None:
    if assembly.stage.local is not None:
        return
    queries = {each["Name"]: each for each in assembly.all("AWS::Logs::QueryDefinition")}
    names = (
        "linkage-by-hour",
        "unlinked-with-reason",
        "refused-webhooks",
        "slowest-invocations",
        "story-of-one-order",
    )
    assert queries.keys() == {f"linkage-{assembly.stage.name}/{name}" for name in names}
    groups = {each["LogGroupName"] for each in assembly.all("AWS::Logs::LogGroup")}
    for name, query in queries.items():
        assert set(query["LogGroupNames"]) <= groups, name


CHECKS: tuple[Callable[[Assembly], None], ...] = (
    each_function_has_exactly_the_environment_of_its_settings,
    no_environment_holds_a_secret_outside_this_machine,
    functions_run_on_the_tested_platform_and_end_in_time,
    functions_with_postgresql_are_inside_and_all_others_outside,
    local_functions_that_are_inside_in_aws_find_every_other_endpoint_closed,
    every_function_logs_to_a_group_with_retention,
    fills_stay_invisible_for_longer_than_anybody_works_on_them,
    a_batch_of_fills_reports_its_failures_and_few_run_at_once,
    what_fails_for_good_is_kept_for_fourteen_days,
    dead_letters_come_back_by_themselves_with_the_least_of_rights,
    streams_are_read_from_the_start_and_nothing_is_dropped,
    the_table_expires_restores_and_streams,
    only_prod_keeps_its_data_when_it_is_removed,
    the_database_is_private_encrypted_and_backed_up,
    nothing_in_the_network_costs_money_or_faces_the_internet,
    no_permission_is_wider_than_reviewed,
    nobody_but_cdk_uses_a_managed_policy,
    schedules_give_up_before_a_signal_is_stale,
    a_scheduled_run_is_not_repeated_by_lambda,
    the_api_is_throttled_and_its_log_has_no_path,
    buckets_are_private,
    mail_leaves_from_one_identity_only,
    the_schema_is_there_before_events_flow,
    the_service_stack_prints_what_the_command_needs,
    every_alarm_is_there_and_tells_somebody,
    saved_queries_answer_the_five_questions,
)


def failures(assembly: Assembly) -> list[str]:
    """Return the names of the checks that fail."""
    failed = []
    for check in CHECKS:
        try:
            check(assembly)
        except (AssertionError, LookupError, ValueError, TypeError, AttributeError):
            failed.append(check.__name__)
    return failed


def _queue_of(text: str) -> str:
    """Name a queue of fills: it is of the data stack, so its ARN is an import of an export."""
    return next(name for name in ("FillsDeadLetters", "FillsQueue") if name in text)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else "reference"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _stable(text: str, assembly: Assembly) -> str:
    """Take the hashes out of logical ids and the stage out of exports."""
    text = text.replace(f"linkage-{assembly.stage.name}-data-", "STAGE-")
    return re.sub(r"\{(\w+?)[0-9A-F]{8}\.Arn\}", r"{\1.Arn}", text)


def _statements(assembly: Assembly) -> Iterator[Resource]:
    for policy in assembly.all("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        yield from policy["PolicyDocument"]["Statement"]
    for role in assembly.all("AWS::IAM::Role"):
        for policy in role.get("Policies", []):
            yield from policy["PolicyDocument"]["Statement"]


def _metrics(alarms: Any) -> Iterator[Resource]:
    for alarm in alarms:
        if "MetricName" in alarm:
            yield alarm
        for query in alarm.get("Metrics", []):
            if "MetricStat" in query:
                yield query["MetricStat"]["Metric"]
