"""The public HTTP API, with a throttle and an access log that names routes, never paths."""

from __future__ import annotations

import json

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.cdk.constructs.function import LinkageFunction, retention_of
from infra.cdk.constructs.nag import acknowledge
from infra.cdk.stages import Stage

ROUTES = (
    "POST /webhook",
    "POST /v1/signals",
    "POST /v1/orders",
    "POST /v1/fills/{source}",
    "POST /v1/snapshots",
    "GET /health",
)

# What fits no route gets the function's own answer, a problem document. It shares the routes' throttle.
ANY_OTHER = "$default"

# $context.path is not among them: a path can hold a bot's token.
ACCESS_LOG = {
    "request_id": "$context.requestId",
    "time": "$context.requestTime",
    "route_key": "$context.routeKey",
    "status": "$context.status",
    "response_length": "$context.responseLength",
    "latency_ms": "$context.responseLatency",
    "integration_latency_ms": "$context.integrationLatency",
    "integration_status": "$context.integrationStatus",
    "error": "$context.error.message",
}


class SignalApi(Construct):
    """The HTTP API in front of the webhook.

    Attributes:
        url: base URL, without a trailing slash.
    """

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage) -> None:
        super().__init__(scope, construct_id)
        self._stage = stage
        self.api = apigateway.CfnApi(
            self,
            "Api",
            name=f"linkage-{stage.name}",
            protocol_type="HTTP",
            description="Signals, orders, fills and snapshots of bots",
        )
        self.access_log = logs.LogGroup(
            self,
            "AccessLog",
            log_group_name=f"/aws/apigateway/linkage-{stage.name}",
            retention=retention_of(stage.log_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        apigateway.CfnStage(
            self,
            "Default",
            api_id=self.api.ref,
            stage_name="$default",
            auto_deploy=True,
            access_log_settings=apigateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=self.access_log.log_group_arn, format=json.dumps(ACCESS_LOG)
            ),
            default_route_settings=apigateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=stage.api_rate,
                throttling_burst_limit=stage.api_burst,
                detailed_metrics_enabled=False,
            ),
        )
        if stage.local is not None:
            # The emulator serves an API by path; names under .localhost resolve nowhere.
            self.url = f"{stage.local.endpoint_url}/_aws/execute-api/{self.api.ref}"
        else:
            self.url = self.api.attr_api_endpoint

    def route_to(self, target: LinkageFunction) -> None:
        """Send every route to one function."""
        stack = Stack.of(self)
        integration = apigateway.CfnIntegration(
            self,
            "Integration",
            api_id=self.api.ref,
            integration_type="AWS_PROXY",
            integration_uri=target.function.function_arn,
            payload_format_version="2.0",
            timeout_in_millis=29_000,
        )
        names = {ANY_OTHER: "AnyOther"}
        for route_key in ROUTES:
            method, path = route_key.split(" ")
            names[route_key] = method.title() + "".join(part.strip("{}").title() for part in path.split("/"))
        for route_key, name in names.items():
            route = apigateway.CfnRoute(
                self,
                name,
                api_id=self.api.ref,
                route_key=route_key,
                target=f"integrations/{integration.ref}",
                authorization_type="NONE",
            )
            acknowledge(
                route,
                "AwsSolutions-APIG4",
                "The function checks a signature or a bot's token; an authoriser would see no body.",
            )
        lambda_.CfnPermission(
            self,
            "Permission",
            action="lambda:InvokeFunction",
            function_name=target.function.function_arn,
            principal="apigateway.amazonaws.com",
            source_arn=stack.format_arn(service="execute-api", resource=self.api.ref, resource_name="*/*"),
        )
