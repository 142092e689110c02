"""The operations stack."""

from __future__ import annotations

from aws_cdk import Stack
from constructs import Construct

from infra.cdk.stacks.data import DataStack
from infra.cdk.stacks.service import ServiceStack
from infra.cdk.stages import Stage


class OperationsStack(Stack):
    """Alarms, dashboard, saved queries."""

    def __init__(self, scope: Construct, *, stage: Stage, data: DataStack, service: ServiceStack) -> None:
        super().__init__(scope, stage.stack_name("operations"), description="linkage: operations")
