"""What must be true of the functions, and of what starts them."""

from __future__ import annotations

import json
from collections.abc import Callable

from functions.bootstrap.settings import BootstrapSettings
from functions.broker.settings import BrokerSettings
from functions.migrate.settings import MigrateSettings
from functions.query_ledger.settings import QueryLedgerSettings
from functions.read_ledger.settings import ReadLedgerSettings
from functions.recorder.settings import RecorderSettings
from functions.redrive.settings import RedriveSettings
from functions.report.settings import SendReportSettings
from functions.sighook.settings import SighookSettings
from functions.webhook.settings import WebhookSettings
from linkage.runtime.settings import Settings, variable_name
from tests.infra.assembly import Assembly, text_of

SETTINGS: dict[str, type[Settings]] = {
    "functions.sighook.handler.run_strategy": SighookSettings,
    "functions.webhook.handler.receive": WebhookSettings,
    "functions.recorder.handler.record_fills": RecorderSettings,
    "functions.recorder.handler.archive_signals": RecorderSettings,
    "functions.recorder.handler.sweep": RecorderSettings,
    "functions.recorder.handler.maintain": RecorderSettings,
    "functions.redrive.handler.redrive": RedriveSettings,
    "functions.report.handler.send_report": SendReportSettings,
    "functions.read_ledger.handler.read_ledger": ReadLedgerSettings,
    "functions.query_ledger.handler.query_ledger": QueryLedgerSettings,
    "functions.broker.handler.take_signals": BrokerSettings,
    "functions.broker.handler.execute_orders": BrokerSettings,
    "functions.migrate.handler.migrate": MigrateSettings,
    "functions.bootstrap.handler.bootstrap": BootstrapSettings,
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


def each_function_has_exactly_the_environment_of_its_settings(assembly: Assembly) -> None:
    deployed = {function["Handler"]: function for function in assembly.functions().values()}
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
    # The API times out after 29 seconds; a later reply is lost.
    assert assembly.functions()["receive"]["Timeout"] < 29


def the_tees_lease_outlasts_its_function_and_only_the_local_cloud_forwards_to_itself(
    assembly: Assembly,
) -> None:
    function, variables = assembly.functions()["receive"], assembly.environment("receive")
    assert float(variables["LINKAGE_FORWARD_LEASE_SECONDS"]) > function["Timeout"]
    busy = ("LINKAGE_FORWARD_TIMEOUT_SECONDS", "LINKAGE_FORWARD_WAIT_SECONDS")
    assert max(float(variables[name]) for name in busy) < function["Timeout"] / 2
    allowed = variables["LINKAGE_FORWARD_TO_LOOPBACK"] == "true"
    assert allowed == (assembly.stage.local is not None)


def functions_with_postgresql_are_inside_and_all_others_outside(assembly: Assembly) -> None:
    inside = {name for name, function in assembly.functions().items() if "VpcConfig" in function}
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
    groups = {name: resource["Properties"] for name, resource in assembly.named("AWS::Logs::LogGroup")}
    for properties in groups.values():
        assert properties["RetentionInDays"] == assembly.stage.log_days
    for entry_point, properties in assembly.functions().items():
        group = groups[properties["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["LogGroupName"] == f"/aws/lambda/{properties['FunctionName']}", entry_point


def a_scheduled_run_is_not_repeated_by_lambda(assembly: Assembly) -> None:
    ids = assembly.function_ids()
    configured = {
        ids[config["FunctionName"]["Ref"]]: config
        for config in assembly.all("AWS::Lambda::EventInvokeConfig")
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


def schedules_stop_retrying_before_a_signal_is_stale(assembly: Assembly) -> None:
    schedules = {
        name: resource["Properties"] for name, resource in assembly.named("AWS::Scheduler::Schedule")
    }
    wanted = (5 if assembly.stage.broker else 4) + len(assembly.stage.reports)
    assert len(schedules) == wanted
    for name, properties in schedules.items():
        target = properties["Target"]
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 240, "MaximumRetryAttempts": 2}, name
        assert "ScheduleDeadLetters" in text_of(target["DeadLetterConfig"]["Arn"]), name
        assert properties["State"] == ("DISABLED" if assembly.stage.replay else "ENABLED"), name
        assert properties["ScheduleExpressionTimezone"] == "UTC", name
    strategy = next(schedule for name, schedule in schedules.items() if name.startswith("StrategySchedule"))
    assert strategy["ScheduleExpression"] == "cron(0/5 * * * ? *)"
    assert json.loads(strategy["Target"]["Input"]) == {"scheduled_time": "<aws.scheduler.scheduled-time>"}


def the_schema_is_there_before_events_flow(assembly: Assembly) -> None:
    (name, trigger), *others = assembly.named("Custom::Trigger")
    assert not others
    assert any("MigrateFunction" in dependency for dependency in trigger["DependsOn"])
    ids = assembly.function_ids()
    for _, mapping in assembly.named("AWS::Lambda::EventSourceMapping"):
        if ids[mapping["Properties"]["FunctionName"]["Ref"]] in LOGINS:
            assert name in mapping["DependsOn"]


def the_service_stack_prints_what_the_command_needs(assembly: Assembly) -> None:
    outputs = assembly.templates["service"]["Outputs"]
    assert {name for name, output in outputs.items() if "Export" not in output} == OUTPUTS


CHECKS: tuple[Callable[[Assembly], None], ...] = (
    each_function_has_exactly_the_environment_of_its_settings,
    no_environment_holds_a_secret_outside_this_machine,
    functions_run_on_the_tested_platform_and_end_in_time,
    the_tees_lease_outlasts_its_function_and_only_the_local_cloud_forwards_to_itself,
    functions_with_postgresql_are_inside_and_all_others_outside,
    local_functions_that_are_inside_in_aws_find_every_other_endpoint_closed,
    every_function_logs_to_a_group_with_retention,
    a_scheduled_run_is_not_repeated_by_lambda,
    schedules_stop_retrying_before_a_signal_is_stale,
    the_schema_is_there_before_events_flow,
    the_service_stack_prints_what_the_command_needs,
)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else "reference"
