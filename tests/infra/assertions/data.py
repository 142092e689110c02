"""What must be true of everything that holds state, and of how it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from linkage.contracts import items
from tests.infra.assembly import Assembly, text_of

DAY = 86_400


def fills_stay_invisible_for_longer_than_they_are_processed(assembly: Assembly) -> None:
    mapping, timeout = assembly.mappings()["record_fills"], assembly.functions()["record_fills"]["Timeout"]
    least = 6 * timeout + mapping["MaximumBatchingWindowInSeconds"]
    assert assembly.queue("FillsQueue")["VisibilityTimeout"] >= least


def a_batch_of_fills_reports_its_failures_and_few_run_at_once(assembly: Assembly) -> None:
    mapping = assembly.mappings()["record_fills"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 4}
    if mapping["BatchSize"] > 10 and assembly.stage.local is None:
        assert mapping["MaximumBatchingWindowInSeconds"] >= 1


def what_fails_for_good_is_retained_for_fourteen_days(assembly: Assembly) -> None:
    queues = {name: resource["Properties"] for name, resource in assembly.named("AWS::SQS::Queue")}
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
    assert all(endpoint.get("VpcEndpointType", "Gateway") == "Gateway" for endpoint in endpoints)
    assert len(endpoints) == (0 if assembly.stage.local else 1)
    for subnet in assembly.all("AWS::EC2::Subnet"):
        assert subnet["MapPublicIpOnLaunch"] is False
    assert not assembly.all("AWS::EC2::Route")
    for group in assembly.all("AWS::EC2::SecurityGroup"):
        assert not group.get("SecurityGroupIngress")
    for rule in assembly.all("AWS::EC2::SecurityGroupIngress"):
        assert "SourceSecurityGroupId" in rule
        assert rule["FromPort"] == rule["ToPort"] == 5432


def buckets_are_private(assembly: Assembly) -> None:
    block = assembly.one("AWS::S3::Bucket")["PublicAccessBlockConfiguration"]
    assert all(
        block[name] is True
        for name in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    )
    assert "BucketEncryption" in assembly.one("AWS::S3::Bucket")


CHECKS: tuple[Callable[[Assembly], None], ...] = (
    fills_stay_invisible_for_longer_than_they_are_processed,
    a_batch_of_fills_reports_its_failures_and_few_run_at_once,
    what_fails_for_good_is_retained_for_fourteen_days,
    streams_are_read_from_the_start_and_nothing_is_dropped,
    the_table_expires_restores_and_streams,
    only_prod_keeps_its_data_when_it_is_removed,
    the_database_is_private_encrypted_and_backed_up,
    nothing_in_the_network_costs_money_or_faces_the_internet,
    buckets_are_private,
)
