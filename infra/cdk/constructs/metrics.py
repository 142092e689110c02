"""The metrics that alarms and the dashboard read. Each of ours is a series that costs money."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

NAMESPACE = "linkage"

# Name to the service that emits it. Ten are free; one that is emitted only while something is wrong costs
# nothing until then.
SERIES = {
    "OrdersLost": "recorder",
    "OrdersConflict": "recorder",
    "LinkageRatePercent": "recorder",
    "ExecutedLinkagePercent": "recorder",
    "ExpectedOrders": "recorder",
    "OldestUnarchivedSeconds": "recorder",
    "EventsQuarantined": "recorder",
    "ParametersInvalid": "sighook",
    "SchemaMismatch": "recorder",
    "SnapshotChanged": "recorder",
    "ReportsSent": "report",
}


def ours(name: str, *, statistic: str, period: Duration) -> cloudwatch.Metric:
    """Return one of our own metrics.

    Args:
        name: one of ``SERIES``.
        statistic: CloudWatch's name of it, such as ``Maximum``.
        period: over which it is taken.
    """
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"service": SERIES[name]},
        statistic=statistic,
        period=period,
    )


def of_api(name: str, api_id: str, *, statistic: str, period: Duration) -> cloudwatch.Metric:
    """Return a metric of API Gateway for an HTTP API."""
    return cloudwatch.Metric(
        namespace="AWS/ApiGateway",
        metric_name=name,
        dimensions_map={"ApiId": api_id},
        statistic=statistic,
        period=period,
    )
