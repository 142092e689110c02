"""The public HTTP API, with a throttle for each route and an access log that names routes, never paths."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.cdk.constructs.function import LinkageFunction, retention_of
from infra.cdk.constructs.nag import acknowledge
from infra.cdk.stages import Stage

# What fits no route gets the function's own answer, a problem document.
ANY_OTHER = "$default"

SHARES: Mapping[str, int] = {
    # Our own strategies have a route that no other bot posts to, so a flood elsewhere leaves them theirs.
    "POST /v1/sighook/signals": 30,
    "POST /webhook": 20,
    "POST /v1/signals": 16,
    "POST /v1/orders": 10,
    "POST /v1/fills/{source}": 10,
    "POST /v1/snapshots": 4,
    "GET /health": 2,
    ANY_OTHER: 2,
}
"""Each route's percentage of the requests that half of the account's concurrency can serve.

Anybody can call each of them: whether a credential holds, the function finds out. Together they stay under
100, so that a flood of all routes at once leaves the other half to the functions behind the API.
"""

ROUTES = tuple(route_key for route_key in SHARES if route_key != ANY_OTHER)

BURST_SECONDS = 5
"""A route's burst, as seconds at its rate: alerts of many symbols come in the same second."""
MAX_BURST = 5_000
"""API Gateway's own limit for an account."""

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


@dataclass(frozen=True, slots=True)
class Throttle:
    """What API Gateway lets through on a route: requests per second, and how many at once above that."""

    rate: float
    burst: int

    def settings(self) -> dict[str, object]:
        """Return them as CloudFormation names them."""
        return {"ThrottlingRateLimit": self.rate, "ThrottlingBurstLimit": self.burst}


def throttles(stage: Stage) -> dict[str, Throttle]:
    """Return each route's throttle, sized by the stage's ``account_concurrency`` and ``request_ms``."""
    per_second = stage.account_concurrency / 2 / (stage.request_ms / 1000)
    rates = {route_key: per_second * percent / 100 for route_key, percent in SHARES.items()}
    return {
        route_key: Throttle(rate, max(1, min(MAX_BURST, round(BURST_SECONDS * rate))))
        for route_key, rate in rates.items()
    }


class SignalApi(Construct):
    """The HTTP API in front of the webhook.

    Attributes:
        url: base URL, without a trailing slash.
        stage: its one stage; who depends on it finds every route there.
    """

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage) -> None:
        super().__init__(scope, construct_id)
        self._throttles = throttles(stage)
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
        least = self._throttles[ANY_OTHER]
        self.stage = apigateway.CfnStage(
            self,
            "Default",
            api_id=self.api.ref,
            stage_name="$default",
            auto_deploy=True,
            access_log_settings=apigateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=self.access_log.log_group_arn, format=json.dumps(ACCESS_LOG)
            ),
            default_route_settings=apigateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=least.rate,
                throttling_burst_limit=least.burst,
                detailed_metrics_enabled=False,
            ),
            route_settings={
                route_key: throttle.settings()
                for route_key, throttle in self._throttles.items()
                if route_key != ANY_OTHER
            },
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
            # API Gateway refuses settings of a route that is not there.
            self.stage.node.add_dependency(route)
        lambda_.CfnPermission(
            self,
            "Permission",
            action="lambda:InvokeFunction",
            function_name=target.function.function_arn,
            principal="apigateway.amazonaws.com",
            source_arn=stack.format_arn(service="execute-api", resource=self.api.ref, resource_name="*/*"),
        )
