"""A function that EventBridge Scheduler starts."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.cdk.constructs.function import LinkageFunction

# The Scheduler puts the scheduled time there; a run reads no other clock.
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"


class FunctionSchedule(Construct):
    """Starts one function on a schedule.

    Args:
        expression: in the Scheduler's syntax, UTC.
        payload: the event that the function gets.
        max_age_seconds: an invocation that could not be delivered by then goes to the dead letters.
            The Scheduler's own default is 24 hours and 185 attempts: a signal would be a day late.
        enabled: whether the schedule runs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        target: LinkageFunction,
        expression: str,
        payload: Mapping[str, object],
        dead_letters: sqs.IQueue,
        max_age_seconds: int = 240,
        enabled: bool = True,
    ) -> None:
        super().__init__(scope, construct_id)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            ),
        )
        role.add_to_principal_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[target.function.function_arn])
        )
        role.add_to_principal_policy(
            iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[dead_letters.queue_arn])
        )
        self.schedule = scheduler.CfnSchedule(
            self,
            "Schedule",
            schedule_expression=expression,
            schedule_expression_timezone="UTC",
            state="ENABLED" if enabled else "DISABLED",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=target.function.function_arn,
                role_arn=role.role_arn,
                input=json.dumps(dict(payload), sort_keys=True),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=dead_letters.queue_arn),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=max_age_seconds, maximum_retry_attempts=2
                ),
            ),
        )
        # Without its policy the role may do nothing, and the first run would fail.
        self.schedule.node.add_dependency(role)
