"""Deliberate faults in the templates of prod: each is caught by one of our own assertions."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from tests.infra.assembly import Assembly, Resource
from tests.infra.assertions import failures

Fault = Callable[[Assembly], None]


def _queue(assembly: Assembly, name: str) -> Resource:
    return assembly.queue(name)


def _any_policy(assembly: Assembly, entry_point: str) -> Resource:
    prefix = next(name for name, function in assembly.function_ids().items() if function == entry_point)
    construct = prefix.removesuffix(prefix[-8:]).removesuffix("Function")
    for name, policy in assembly.named("AWS::IAM::Policy"):
        if name.startswith(construct):
            properties: Resource = policy["Properties"]["PolicyDocument"]
            return properties
    raise LookupError(entry_point)


def _schedule(assembly: Assembly) -> Resource:
    return next(
        resource["Properties"]
        for name, resource in assembly.named("AWS::Scheduler::Schedule")
        if name.startswith("Strategy")
    )


def visibility_timeout_too_short(assembly: Assembly) -> None:
    _queue(assembly, "FillsQueue")["VisibilityTimeout"] = 6 * 60


def no_partial_batch_response(assembly: Assembly) -> None:
    del assembly.mappings()["record_fills"]["FunctionResponseTypes"]


def no_partial_batch_response_of_the_stream(assembly: Assembly) -> None:
    del assembly.mappings()["archive_signals"]["FunctionResponseTypes"]


def one_receive_and_out(assembly: Assembly) -> None:
    _queue(assembly, "FillsQueue")["RedrivePolicy"]["maxReceiveCount"] = 1


def no_dead_letters(assembly: Assembly) -> None:
    del _queue(assembly, "FillsQueue")["RedrivePolicy"]


def dead_letters_retained_shorter_than_the_queue(assembly: Assembly) -> None:
    _queue(assembly, "FillsDeadLetters")["MessageRetentionPeriod"] = 345_600


def no_ttl_attribute(assembly: Assembly) -> None:
    del assembly.one("AWS::DynamoDB::GlobalTable")["TimeToLiveSpecification"]


def no_point_in_time_recovery(assembly: Assembly) -> None:
    del assembly.one("AWS::DynamoDB::GlobalTable")["Replicas"][0]["PointInTimeRecoverySpecification"]


def stream_of_keys_only(assembly: Assembly) -> None:
    assembly.one("AWS::DynamoDB::GlobalTable")["StreamSpecification"]["StreamViewType"] = "KEYS_ONLY"


def stream_from_now_on(assembly: Assembly) -> None:
    assembly.mappings()["archive_signals"]["StartingPosition"] = "LATEST"


def stream_filter_forgets_overwritten_items(assembly: Assembly) -> None:
    filters = assembly.mappings()["archive_signals"]["FilterCriteria"]["Filters"]
    filters[0]["Pattern"] = '{"eventName": ["INSERT"]}'


def stream_failures_are_dropped(assembly: Assembly) -> None:
    del assembly.mappings()["archive_signals"]["DestinationConfig"]


def stream_stops_after_two_attempts(assembly: Assembly) -> None:
    assembly.mappings()["archive_signals"]["MaximumRetryAttempts"] = 2


def bodies_are_traced(assembly: Assembly) -> None:
    assembly.one("AWS::ApiGatewayV2::Stage")["DefaultRouteSettings"]["DataTraceEnabled"] = True


def access_log_has_the_path(assembly: Assembly) -> None:
    settings = assembly.one("AWS::ApiGatewayV2::Stage")["AccessLogSettings"]
    settings["Format"] = '{"route_key": "$context.routeKey", "path": "$context.path"}'


def api_without_throttle(assembly: Assembly) -> None:
    del assembly.one("AWS::ApiGatewayV2::Stage")["DefaultRouteSettings"]


def a_route_without_its_throttle(assembly: Assembly) -> None:
    del assembly.one("AWS::ApiGatewayV2::Stage")["RouteSettings"]["POST /webhook"]


def sighook_without_its_route(assembly: Assembly) -> None:
    for route in assembly.all("AWS::ApiGatewayV2::Route"):
        if "sighook" in route["RouteKey"]:
            route["RouteKey"] = "POST /v1/other"


def throttles_of_more_than_the_account(assembly: Assembly) -> None:
    assembly.one("AWS::ApiGatewayV2::Stage")["RouteSettings"]["POST /v1/orders"]["ThrottlingRateLimit"] = 8


def bursts_that_hold_the_account_for_long(assembly: Assembly) -> None:
    assembly.one("AWS::ApiGatewayV2::Stage")["RouteSettings"]["GET /health"]["ThrottlingBurstLimit"] = 100


def a_burst_smaller_than_a_run_of_sighook(assembly: Assembly) -> None:
    settings = assembly.one("AWS::ApiGatewayV2::Stage")["RouteSettings"]
    settings["POST /v1/sighook/signals"]["ThrottlingBurstLimit"] = 15


def throttles_before_their_routes(assembly: Assembly) -> None:
    for _, stage in assembly.named("AWS::ApiGatewayV2::Stage"):
        del stage["DependsOn"]


def sighook_before_its_route(assembly: Assembly) -> None:
    for name, function in assembly.named("AWS::Lambda::Function"):
        if name.startswith("RunStrategy"):
            function["DependsOn"] = [other for other in function["DependsOn"] if "Api" not in other]


def schedule_without_dead_letters(assembly: Assembly) -> None:
    del _schedule(assembly)["Target"]["DeadLetterConfig"]


def schedule_with_185_retries(assembly: Assembly) -> None:
    _schedule(assembly)["Target"]["RetryPolicy"] = {"MaximumRetryAttempts": 185}


def schedule_without_its_own_clock(assembly: Assembly) -> None:
    _schedule(assembly)["Target"]["Input"] = "{}"


def lambda_repeats_scheduled_runs(assembly: Assembly) -> None:
    for properties in assembly.all("AWS::Lambda::EventInvokeConfig"):
        properties["MaximumRetryAttempts"] = 2


def an_alarm_is_missing(assembly: Assembly) -> None:
    resources = assembly.templates["operations"]["Resources"]
    del resources[
        next(name for name, resource in resources.items() if resource["Type"] == "AWS::CloudWatch::Alarm")
    ]


def the_alarm_on_the_schema_is_missing(assembly: Assembly) -> None:
    resources = assembly.templates["operations"]["Resources"]
    del resources[next(name for name in resources if "SchemaMismatch" in name)]


def the_alarm_on_the_schema_reads_another_metric(assembly: Assembly) -> None:
    for alarm in assembly.all("AWS::CloudWatch::Alarm"):
        if alarm.get("MetricName") == "SchemaMismatch":
            alarm["MetricName"] = "EventsQuarantined"


def the_alarm_on_the_schema_waits_for_a_hundred(assembly: Assembly) -> None:
    for alarm in assembly.all("AWS::CloudWatch::Alarm"):
        if alarm.get("MetricName") == "SchemaMismatch":
            alarm["Threshold"] = 100


def an_alarm_notifies_no_topic(assembly: Assembly) -> None:
    assembly.all("AWS::CloudWatch::Alarm")[3]["AlarmActions"] = []


def all_of_ses_on_everything(assembly: Assembly) -> None:
    statement = {"Effect": "Allow", "Action": "ses:*", "Resource": "*"}
    _any_policy(assembly, "send_report")["Statement"].append(statement)


def a_wildcard_behind_an_acknowledged_one(assembly: Assembly) -> None:
    for statement in _any_policy(assembly, "record_fills")["Statement"]:
        if statement["Resource"] == "*":
            statement["Action"] = [*statement["Action"], "ec2:RunInstances"]


def every_table_is_readable(assembly: Assembly) -> None:
    for statement in _any_policy(assembly, "receive")["Statement"]:
        if "dynamodb:GetItem" in statement["Action"]:
            statement["Resource"] = "arn:aws:dynamodb:*:*:table/*"


def _on_items(assembly: Assembly, entry_point: str, action: str) -> Resource:
    """Return the first statement that allows a function this action on the table."""
    return next(
        statement
        for statement in _any_policy(assembly, entry_point)["Statement"]
        if f"dynamodb:{action}" in statement["Action"]
    )


def no_condition_on_keys(assembly: Assembly) -> None:
    del _on_items(assembly, "receive", "PutItem")["Condition"]


def no_condition_on_the_keys_of_the_broker(assembly: Assembly) -> None:
    del _on_items(assembly, "execute_orders", "DeleteItem")["Condition"]


def no_condition_on_the_keys_of_the_recorder(assembly: Assembly) -> None:
    del _on_items(assembly, "record_fills", "BatchGetItem")["Condition"]


def sighook_may_store_signals(assembly: Assembly) -> None:
    (keys,) = _on_items(assembly, "run_strategy", "PutItem")["Condition"].values()
    keys["dynamodb:LeadingKeys"].append("SIGNAL#*")


def the_webhook_may_register_bots(assembly: Assembly) -> None:
    (keys,) = _on_items(assembly, "receive", "PutItem")["Condition"].values()
    keys["dynamodb:LeadingKeys"] = ["*"]


def one_key_of_several_is_enough(assembly: Assembly) -> None:
    statement = _on_items(assembly, "send_report", "DeleteItem")
    ((_, keys),) = statement["Condition"].items()
    statement["Condition"] = {"ForAnyValue:StringLike": keys}


def a_scan_behind_a_condition_on_keys(assembly: Assembly) -> None:
    statement = _on_items(assembly, "send_report", "DeleteItem")
    statement["Action"] = ["dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Scan"]


def the_report_may_ask_the_index(assembly: Assembly) -> None:
    index = next(
        statement
        for statement in _any_policy(assembly, "sweep")["Statement"]
        if "/index/" in str(statement["Resource"])
    )
    _any_policy(assembly, "send_report")["Statement"].append(index)


def a_managed_policy(assembly: Assembly) -> None:
    role = next(resource for name, resource in assembly.named("AWS::IAM::Role") if name.startswith("Receive"))
    role["Properties"]["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"]


def webhook_outlasts_the_api(assembly: Assembly) -> None:
    assembly.functions()["receive"]["Timeout"] = 30


def a_lease_of_the_tee_that_ends_before_its_function(assembly: Assembly) -> None:
    assembly.environment("receive")["LINKAGE_FORWARD_LEASE_SECONDS"] = "20.0"


def the_tee_posts_to_its_own_machine(assembly: Assembly) -> None:
    assembly.environment("receive")["LINKAGE_FORWARD_TO_LOOPBACK"] = "true"


def source_concurrency_over_reserved(assembly: Assembly) -> None:
    assembly.functions()["record_fills"]["ReservedConcurrentExecutions"] = 2


def unencrypted_database(assembly: Assembly) -> None:
    assembly.one("AWS::RDS::DBInstance")["StorageEncrypted"] = False


def public_database(assembly: Assembly) -> None:
    assembly.one("AWS::RDS::DBInstance")["PubliclyAccessible"] = True


def database_without_forced_tls(assembly: Assembly) -> None:
    del assembly.one("AWS::RDS::DBParameterGroup")["Parameters"]["rds.force_ssl"]


def database_without_backups(assembly: Assembly) -> None:
    assembly.one("AWS::RDS::DBInstance")["BackupRetentionPeriod"] = 0


def database_without_deletion_protection(assembly: Assembly) -> None:
    assembly.one("AWS::RDS::DBInstance")["DeletionProtection"] = False


def table_deleted_with_its_stack(assembly: Assembly) -> None:
    for _, table in assembly.named("AWS::DynamoDB::GlobalTable"):
        table["DeletionPolicy"] = "Delete"


def open_security_group(assembly: Assembly) -> None:
    rule = {"CidrIp": "0.0.0.0/0", "IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}
    assembly.all("AWS::EC2::SecurityGroup")[0]["SecurityGroupIngress"] = [rule]


def a_nat_gateway(assembly: Assembly) -> None:
    assembly.templates["data"]["Resources"]["Nat"] = {"Type": "AWS::EC2::NatGateway", "Properties": {}}


def an_interface_endpoint(assembly: Assembly) -> None:
    properties = {"VpcEndpointType": "Interface"}
    assembly.templates["data"]["Resources"]["Extra"] = {
        "Type": "AWS::EC2::VPCEndpoint",
        "Properties": properties,
    }


def no_endpoint_policy(assembly: Assembly) -> None:
    del assembly.one("AWS::EC2::VPCEndpoint")["PolicyDocument"]


def an_endpoint_to_every_table(assembly: Assembly) -> None:
    (statement,) = assembly.one("AWS::EC2::VPCEndpoint")["PolicyDocument"]["Statement"]
    statement["Resource"] = "*"


def an_endpoint_that_lets_writes_through(assembly: Assembly) -> None:
    (statement,) = assembly.one("AWS::EC2::VPCEndpoint")["PolicyDocument"]["Statement"]
    statement["Action"].append("dynamodb:PutItem")


def an_endpoint_that_the_sweep_does_not_get_through(assembly: Assembly) -> None:
    (statement,) = assembly.one("AWS::EC2::VPCEndpoint")["PolicyDocument"]["Statement"]
    statement["Resource"] = statement["Resource"][:1]


def an_endpoint_for_one_account(assembly: Assembly) -> None:
    (statement,) = assembly.one("AWS::EC2::VPCEndpoint")["PolicyDocument"]["Statement"]
    statement["Principal"] = {"AWS": "123456789012"}


def logs_retained_for_ever(assembly: Assembly) -> None:
    del assembly.all("AWS::Logs::LogGroup")[2]["RetentionInDays"]


def an_environment_variable_too_few(assembly: Assembly) -> None:
    del assembly.environment("sweep")["LINKAGE_SWEEP_HOURS"]


def an_environment_variable_too_many(assembly: Assembly) -> None:
    assembly.environment("receive")["LINKAGE_DEBUG"] = "true"


def a_password_in_the_environment(assembly: Assembly) -> None:
    assembly.environment("sweep")["LINKAGE_DB_PASSWORD"] = "hunter2"


def the_reader_logs_in_as_recorder(assembly: Assembly) -> None:
    assembly.environment("read_ledger")["LINKAGE_DB_USER"] = "recorder"


def the_webhook_inside_the_network(assembly: Assembly) -> None:
    assembly.functions()["receive"]["VpcConfig"] = assembly.functions()["sweep"]["VpcConfig"]


def a_public_bucket(assembly: Assembly) -> None:
    assembly.one("AWS::S3::Bucket")["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] = False


def an_output_renamed(assembly: Assembly) -> None:
    outputs = assembly.templates["service"]["Outputs"]
    outputs["Api"] = outputs.pop("ApiUrl")


def events_flow_before_the_schema_is_there(assembly: Assembly) -> None:
    for _, mapping in assembly.named("AWS::Lambda::EventSourceMapping"):
        mapping["DependsOn"] = []


FAULTS: tuple[Fault, ...] = tuple(
    fault
    for name, fault in list(globals().items())
    if callable(fault) and getattr(fault, "__module__", "") == __name__ and not name.startswith("_")
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_deliberate_fault_is_caught(assemblies: Callable[[str], Assembly], fault: Fault) -> None:
    sound = assemblies("prod")
    faulty = Assembly(sound.stage, copy.deepcopy(sound.templates))
    fault(faulty)
    assert faulty.templates != sound.templates
    assert failures(faulty)


def test_there_are_faults_of_every_kind() -> None:
    assert len(FAULTS) >= 25


def test_sound_templates_fail_nothing(assemblies: Callable[[str], Assembly]) -> None:
    assert failures(assemblies("prod")) == []
