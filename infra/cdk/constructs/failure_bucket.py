"""Where stream records go that could not be archived in 24 hours: whole, not as pointers."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.cdk.constructs.nag import acknowledge

RETENTION_DAYS = 90


class FailureBucket(Construct):
    """A private bucket for failed stream records.

    Args:
        protected: it outlives its stack.
        emptied: it is emptied before its stack is deleted; in the local cloud it goes with the emulator.
    """

    def __init__(self, scope: Construct, construct_id: str, *, protected: bool, emptied: bool) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(RETENTION_DAYS))],
            removal_policy=RemovalPolicy.RETAIN if protected else RemovalPolicy.DESTROY,
            auto_delete_objects=emptied,
        )
        acknowledge(
            self.bucket,
            "AwsSolutions-S1",
            "Lambda alone writes there; an access log would log failures of logs.",
        )
        provider = Stack.of(self).node.try_find_child("Custom::S3AutoDeleteObjectsCustomResourceProvider")
        if provider is not None:
            acknowledge(
                provider,
                "AwsSolutions-IAM4[Policy::arn:${AWS::Partition}:iam::aws:policy/service-role/"
                "AWSLambdaBasicExecutionRole]",
                "CDK's own function, which empties the bucket before it is deleted.",
            )
            acknowledge(provider, "AwsSolutions-L1", "CDK chooses the runtime of its own function.")
