"""How events reach functions: from a queue, and from the stream of a table."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.cdk.constructs.function import LinkageFunction
from infra.cdk.constructs.nag import acknowledge
from infra.cdk.stages import FillsSource

# Lambda chooses the rest of the key: mapping, shard, time.
FAILURE_KEYS = "aws/lambda/*"

_REPORT_FAILURES = ["ReportBatchItemFailures"]


class QueueSource(Construct):
    """A function reads a queue: what it reports as failed is redelivered, the rest is not."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        target: LinkageFunction,
        queue: sqs.IQueue,
        source: FillsSource,
    ) -> None:
        super().__init__(scope, construct_id)
        target.grant(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], [queue.queue_arn])
        self.mapping = lambda_.CfnEventSourceMapping(
            self,
            "Mapping",
            function_name=target.function.function_name,
            event_source_arn=queue.queue_arn,
            batch_size=source.batch_size,
            maximum_batching_window_in_seconds=source.window_seconds,
            function_response_types=_REPORT_FAILURES,
            scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(
                maximum_concurrency=source.max_concurrency
            ),
        )
        self.mapping.node.add_dependency(target.role)
        acknowledge(
            self.mapping,
            "Serverless-LambdaEventSourceMappingDestination",
            "A queue has its own dead letters; Lambda allows no destination here.",
            pack="Serverless",
        )


class StreamSource(Construct):
    """A function reads a table's stream, new and changed items, from the first one that is still there.

    A batch that fails is halved until the guilty record is alone. It is tried for as long as the stream
    keeps it, then goes to the bucket whole.

    Args:
        failures_arn: the bucket.
        new_image: which items are of interest: a filter on their attributes, in DynamoDB's JSON.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        target: LinkageFunction,
        table: dynamodb.ITableV2,
        failures_arn: str,
        new_image: Mapping[str, object],
        batch_size: int = 100,
        window_seconds: int = 0,
    ) -> None:
        super().__init__(scope, construct_id)
        stream = table.table_stream_arn
        assert stream is not None
        target.grant(
            ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"], [stream]
        )
        target.grant(["s3:PutObject"], [f"{failures_arn}/{FAILURE_KEYS}"])
        target.grant(["s3:ListBucket"], [failures_arn])
        # An expired item that is overwritten before it was deleted comes as MODIFY.
        pattern = {"eventName": ["INSERT", "MODIFY"], "dynamodb": {"NewImage": dict(new_image)}}
        self.mapping = lambda_.CfnEventSourceMapping(
            self,
            "Mapping",
            function_name=target.function.function_name,
            event_source_arn=stream,
            starting_position="TRIM_HORIZON",
            batch_size=batch_size,
            maximum_batching_window_in_seconds=window_seconds,
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=-1,
            maximum_record_age_in_seconds=-1,
            function_response_types=_REPORT_FAILURES,
            filter_criteria=lambda_.CfnEventSourceMapping.FilterCriteriaProperty(
                filters=[lambda_.CfnEventSourceMapping.FilterProperty(pattern=json.dumps(pattern))]
            ),
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
                on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(destination=failures_arn)
            ),
        )
        self.mapping.node.add_dependency(target.role)
