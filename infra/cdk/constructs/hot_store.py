"""The table that holds a signal before its order exists."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

# As in linkage/contracts/items.py, which infrastructure may not import; a test compares them.
PARTITION_KEY = "pk"
SORT_KEY = "sk"
TTL_ATTRIBUTE = "expires_at"
HOUR_INDEX = "by_hour"
HOUR_INDEX_KEYS = ("hour", "received_at")

# Partition keys by the kind of item, as IAM matches them; a test compares these too.
SIGNALS = "SIGNAL#*"
OWN_SIGNALS = "SIGNAL#sighook#*"
SNAPSHOTS = "SNAPSHOT#*"
RUNS = "RUN#*"
BOTS = "BOT"
TOKENS = "TOKEN#*"
SWITCH = "SWITCH"
STATES = "STATE#*"
REPORT_STATES = "STATE#@report#*"
PAPER = "PAPER#"
REPORTS = "REPORT#*"


class HotStore(Construct):
    """One DynamoDB table: items expire, changes are streamed, and the sweep reads by hour.

    Args:
        protected: the table outlives its stack and cannot be deleted by mistake.
    """

    def __init__(self, scope: Construct, construct_id: str, *, protected: bool) -> None:
        super().__init__(scope, construct_id)
        text = dynamodb.AttributeType.STRING
        self.table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name=PARTITION_KEY, type=text),
            sort_key=dynamodb.Attribute(name=SORT_KEY, type=text),
            billing=dynamodb.Billing.on_demand(),
            time_to_live_attribute=TTL_ATTRIBUTE,
            dynamo_stream=dynamodb.StreamViewType.NEW_IMAGE,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            encryption=dynamodb.TableEncryptionV2.dynamo_owned_key(),
            deletion_protection=protected,
            removal_policy=RemovalPolicy.RETAIN if protected else RemovalPolicy.DESTROY,
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=HOUR_INDEX,
                    partition_key=dynamodb.Attribute(name=HOUR_INDEX_KEYS[0], type=text),
                    sort_key=dynamodb.Attribute(name=HOUR_INDEX_KEYS[1], type=text),
                    projection_type=dynamodb.ProjectionType.KEYS_ONLY,
                )
            ],
        )
