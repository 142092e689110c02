"""One Lambda function: its own role, its own log group, exactly the environment of its settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.cdk.constructs.nag import acknowledge
from infra.cdk.stages import Stage
from linkage.runtime.settings import Settings, variable_name

# Nothing listens there. A function that is in the VPC in AWS reaches no service but DynamoDB; on this
# machine the same call must fail too.
CLOSED_ENDPOINT = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Network:
    """Where a function runs when it needs PostgreSQL."""

    vpc: ec2.IVpc
    security_group: ec2.ISecurityGroup


def environment_of(settings: type[Settings], values: Mapping[str, object]) -> dict[str, str]:
    """Return the environment that a settings model reads, with its defaults spelled out.

    Args:
        settings: the function's model.
        values: by field name. Booleans become ``true`` and ``false``; None is left out.

    Raises:
        ValueError: a value without a field, or a required field without a value.
    """
    fields = settings.model_fields
    defaults = {name: field.default for name, field in fields.items() if not field.is_required()}
    given = {name: value for name, value in {**defaults, **values}.items() if value not in (None, "")}
    unknown = given.keys() - fields.keys()
    missing = {name for name, field in fields.items() if field.is_required()} - given.keys()
    if unknown or missing:
        raise ValueError(f"{settings.__name__}: unknown {sorted(unknown)}, missing {sorted(missing)}")
    return {variable_name(name): _as_text(given[name]) for name in sorted(given)}


class LinkageFunction(Construct):
    """A Lambda function of this product.

    Args:
        handler: handler string; its last part names the function.
        settings, values: become the environment.
        network: of a function inside the VPC; None outside, and in the local stage.
        isolated: it has no way to any service in AWS; in the local stage all its endpoints are closed.
        dynamodb: an isolated function's one exception, by the gateway endpoint.
        dead_letters: where an asynchronous invocation goes that failed for good.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        code: lambda_.Code,
        handler: str,
        description: str,
        settings: type[Settings],
        values: Mapping[str, object],
        memory_mb: int = 256,
        timeout_seconds: int = 30,
        network: Network | None = None,
        isolated: bool = False,
        dynamodb: bool = False,
        dead_letters: sqs.IQueue | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        name = stage.function_name(handler.rsplit(".", 1)[1])
        common = {"stage": stage.name, "log_level": stage.log_level}
        self.environment = environment_of(settings, {**common, **values})
        if isolated and stage.local is not None:
            self.environment |= _closed(stage.local.endpoint_url if dynamodb else None)

        log_group = self._log_group(name, stage)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"What {name} may do",
        )
        self._grant_basics(log_group, inside=network is not None)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            description=description,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.X86_64 if stage.host_bundles else lambda_.Architecture.ARM_64,
            handler=handler,
            code=code,
            role=self.role,
            memory_size=memory_mb,
            timeout=Duration.seconds(timeout_seconds),
            environment=self.environment,
            log_group=log_group,
            tracing=lambda_.Tracing.ACTIVE,
            on_failure=destinations.SqsDestination(dead_letters) if dead_letters is not None else None,
            retry_attempts=0 if dead_letters is not None else None,
            vpc=network.vpc if network else None,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED) if network else None,
            security_groups=[network.security_group] if network else None,
        )
        self._acknowledge()

    def _log_group(self, name: str, stage: Stage) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/lambda/{name}",
            retention=retention_of(stage.log_days),
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _grant_basics(self, log_group: logs.LogGroup, *, inside: bool) -> None:
        """Allow what every function does: log, and inside the VPC have network interfaces."""
        self.grant(["logs:CreateLogStream", "logs:PutLogEvents"], [log_group.log_group_arn])
        if inside:
            self.grant(_NETWORK_ACTIONS, ["*"])
            acknowledge(
                self.role,
                "AwsSolutions-IAM5[Resource::*]",
                "EC2's calls for network interfaces of Lambda, and X-Ray's, take no resource.",
            )
        else:
            acknowledge(self.role, "AwsSolutions-IAM5[Resource::*]", "X-Ray's two calls take no resource.")

    def _acknowledge(self) -> None:
        reason = "Dependencies are locked and tested for Python 3.13; the runtime changes with the locks."
        acknowledge(self.function, "AwsSolutions-L1", reason)
        acknowledge(self.function, "Serverless-LambdaLatestVersion", reason, pack="Serverless")
        acknowledge(
            self.function,
            "Serverless-LambdaDLQ",
            "What is invoked asynchronously has a failure destination, which gets the reason too; event"
            " sources hold what failed; the rest has a caller who waits.",
            pack="Serverless",
        )

    def grant(
        self,
        actions: Sequence[str],
        resources: Sequence[str],
        *,
        conditions: Mapping[str, object] | None = None,
    ) -> None:
        """Allow actions on resources to this function's role, under conditions of IAM where there are any."""
        self.role.add_to_principal_policy(
            iam.PolicyStatement(actions=[*actions], resources=[*resources], conditions=conditions)
        )


_NETWORK_ACTIONS = (
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
    "ec2:DescribeSubnets",
)


def _closed(dynamodb_endpoint: str | None) -> dict[str, str]:
    variables = {"AWS_ENDPOINT_URL": CLOSED_ENDPOINT, "AWS_ENDPOINT_URL_S3": CLOSED_ENDPOINT}
    if dynamodb_endpoint:
        variables["AWS_ENDPOINT_URL_DYNAMODB"] = dynamodb_endpoint
    return variables


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def retention_of(days: int) -> logs.RetentionDays:
    """Return the retention of a log group as CDK names it."""
    known = {
        1: logs.RetentionDays.ONE_DAY,
        7: logs.RetentionDays.ONE_WEEK,
        14: logs.RetentionDays.TWO_WEEKS,
        30: logs.RetentionDays.ONE_MONTH,
        90: logs.RetentionDays.THREE_MONTHS,
        365: logs.RetentionDays.ONE_YEAR,
    }
    return known[days]
