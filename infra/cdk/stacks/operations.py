"""The operations stack: alarms, a dashboard and saved queries about the other two."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.cdk.constructs.alarms import Alarms
from infra.cdk.constructs.dashboard import Dashboard
from infra.cdk.constructs.nag import acknowledge
from infra.cdk.constructs.saved_queries import SavedQueries
from infra.cdk.stacks.data import DataStack
from infra.cdk.stacks.service import ServiceStack
from infra.cdk.stages import Stage


class OperationsStack(Stack):
    """Alarms and their topic, a dashboard, and saved queries."""

    def __init__(self, scope: Construct, *, stage: Stage, data: DataStack, service: ServiceStack) -> None:
        super().__init__(scope, stage.stack_name("operations"), description="linkage: operations")
        topic = sns.Topic(
            self,
            "Alarms",
            topic_name=f"linkage-{stage.name}-alarms",
            display_name="linkage",
            enforce_ssl=True,
        )
        for address in stage.alarm_recipients:
            topic.add_subscription(subscriptions.EmailSubscription(address))
        acknowledge(
            topic,
            "Serverless-SNSRedrivePolicy",
            "Only people's addresses subscribe; there is nothing to redrive to.",
            pack="Serverless",
        )
        alarms = Alarms(
            self,
            "Watch",
            stage=stage,
            topic=topic,
            functions=service.functions,
            api_id=service.api.api.ref,
            fills=data.fills.queue,
            fills_dead_letters=data.fills.dead_letters,
            schedule_dead_letters=data.schedule_dead_letters,
        )
        Dashboard(
            self,
            "Overview",
            stage=stage,
            alarms=alarms.alarms,
            functions=service.functions,
            api_id=service.api.api.ref,
            fills=data.fills.queue,
        )
        SavedQueries(self, "Queries", stage=stage, functions=service.functions)
        CfnOutput(self, "OutputAlarmTopicArn", value=topic.topic_arn).override_logical_id("AlarmTopicArn")
