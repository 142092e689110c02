"""What must be true of the public HTTP API: the emulator enforces no throttle, so the template has to."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.infra.assembly import Assembly, Resource

SIGHOOK = "POST /v1/sighook/signals"
ROUTES = {
    SIGHOOK,
    "POST /webhook",
    "POST /v1/signals",
    "POST /v1/orders",
    "POST /v1/fills/{source}",
    "POST /v1/snapshots",
    "GET /health",
    "$default",
}


def each_route_has_a_throttle_of_its_own(assembly: Assembly) -> None:
    assert {route["RouteKey"] for route in assembly.all("AWS::ApiGatewayV2::Route")} == ROUTES
    throttles = _throttles(assembly)
    assert throttles.keys() == ROUTES
    for route_key, throttle in throttles.items():
        assert throttle["ThrottlingRateLimit"] > 0, route_key
        assert 0 < throttle["ThrottlingBurstLimit"] <= 5_000, route_key
    # As many signals as one run publishes fit in at once.
    run = assembly.stage.max_suppressed_per_run
    assert throttles[SIGHOOK]["ThrottlingBurstLimit"] > run


def a_flood_of_all_routes_leaves_half_of_the_concurrency(assembly: Assembly) -> None:
    limit, seconds = assembly.stage.account_concurrency, assembly.stage.request_ms / 1000
    # No route has an authoriser: anybody can call all of them.
    assert all(route["AuthorizationType"] == "NONE" for route in assembly.all("AWS::ApiGatewayV2::Route"))
    rates = sum(throttle["ThrottlingRateLimit"] for throttle in _throttles(assembly).values())
    assert limit == 10
    assert seconds == 0.1
    assert rates * seconds < limit / 2
    # What is let through at once is over after seconds.
    bursts = sum(throttle["ThrottlingBurstLimit"] for throttle in _throttles(assembly).values())
    assert bursts * seconds < 3 * limit


def throttles_are_set_after_their_routes_and_before_sighook_posts(assembly: Assembly) -> None:
    ((stage_id, stage),) = assembly.named("AWS::ApiGatewayV2::Stage")
    routes = {name for name, _ in assembly.named("AWS::ApiGatewayV2::Route")}
    assert routes <= set(stage["DependsOn"])
    functions = {
        resource["Properties"]["Handler"].rsplit(".", 1)[1]: resource
        for _, resource in assembly.named("AWS::Lambda::Function")
        if "FunctionName" in resource["Properties"]
    }
    assert stage_id in functions["run_strategy"]["DependsOn"]


def the_api_logs_the_route_and_never_the_path(assembly: Assembly) -> None:
    stage = assembly.one("AWS::ApiGatewayV2::Stage")
    assert not stage["DefaultRouteSettings"].get("DataTraceEnabled")
    log = json.loads(stage["AccessLogSettings"]["Format"])
    assert log["route_key"] == "$context.routeKey"
    logged = " ".join(log.values())
    for secret in ("path", "Path", "header", "Header", "body", "query", "authorizer"):
        assert secret not in logged, secret


CHECKS: tuple[Callable[[Assembly], None], ...] = (
    each_route_has_a_throttle_of_its_own,
    a_flood_of_all_routes_leaves_half_of_the_concurrency,
    throttles_are_set_after_their_routes_and_before_sighook_posts,
    the_api_logs_the_route_and_never_the_path,
)


def _throttles(assembly: Assembly) -> dict[str, Resource]:
    """Return the settings of each route; the default ones are those of what fits no route."""
    stage = assembly.one("AWS::ApiGatewayV2::Stage")
    return {**stage["RouteSettings"], "$default": stage["DefaultRouteSettings"]}
