"""What must be true of who may do what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.infra.assembly import Assembly, Resource, text_of

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


def dead_letters_are_redriven_on_a_schedule_with_the_least_of_rights(assembly: Assembly) -> None:
    (schedule,) = [
        resource["Properties"]
        for name, resource in assembly.named("AWS::Scheduler::Schedule")
        if name.startswith("RedriveSchedule")
    ]
    assert schedule["ScheduleExpression"] == "cron(11/15 * * * ? *)"
    (policy,) = [
        resource["Properties"]["PolicyDocument"]
        for name, resource in assembly.named("AWS::IAM::Policy")
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


def no_permission_is_wider_than_reviewed(assembly: Assembly) -> None:
    granted: set[tuple[str, str]] = set()
    for statement in _statements(assembly):
        assert statement["Effect"] == "Allow"
        assert "NotAction" not in statement
        assert "NotResource" not in statement
        for action in _listed(statement["Action"]):
            assert "*" not in action, action
            for resource in _listed(statement["Resource"]):
                text = _stable(text_of(resource), assembly)
                if "*" in text:
                    granted.add((action, text))
    reviewed = WILDCARDS | LOCAL_WILDCARDS if assembly.stage.local else WILDCARDS
    assert granted <= reviewed, granted - reviewed


def no_role_but_cdks_has_a_managed_policy(assembly: Assembly) -> None:
    for name, role in assembly.named("AWS::IAM::Role"):
        if "CustomResourceProvider" not in name:
            assert "ManagedPolicyArns" not in role["Properties"], name


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


CHECKS: tuple[Callable[[Assembly], None], ...] = (
    dead_letters_are_redriven_on_a_schedule_with_the_least_of_rights,
    no_permission_is_wider_than_reviewed,
    no_role_but_cdks_has_a_managed_policy,
    mail_leaves_from_one_identity_only,
)


def _queue_of(text: str) -> str:
    """Name a queue of fills: it is of the data stack, so its ARN is an import of an export."""
    return next(name for name in ("FillsDeadLetters", "FillsQueue") if name in text)


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
