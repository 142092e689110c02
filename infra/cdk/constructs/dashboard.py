"""One page that answers: is every trade linked, and does everything flow?"""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.cdk.constructs.function import LinkageFunction
from infra.cdk.constructs.metrics import of_api, ours
from infra.cdk.stages import Stage


class Dashboard(Construct):
    """The dashboard. It reads only series that alarms read too, and the metrics that AWS has anyway."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        alarms: Mapping[str, cloudwatch.Alarm],
        functions: Mapping[str, LinkageFunction],
        api_id: str,
        fills: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        quarter, five = Duration.minutes(15), Duration.minutes(5)
        rates = _graph(
            "Linkage, %",
            [
                ours("LinkageRatePercent", statistic="Minimum", period=quarter),
                ours("ExecutedLinkagePercent", statistic="Minimum", period=quarter),
            ],
            left_y_axis=cloudwatch.YAxisProps(min=0, max=100),
        )
        orders = _graph(
            "Orders",
            [
                ours(name, statistic="Maximum", period=quarter)
                for name in ("ExpectedOrders", "OrdersLost", "OrdersConflict")
            ],
        )
        requests = _graph(
            "Requests",
            [of_api(name, api_id, statistic="Sum", period=five) for name in ("Count", "4xx", "5xx")],
        )
        latency = _graph(
            "Response of the webhook, ms",
            [of_api("Latency", api_id, statistic=name, period=five) for name in ("p50", "p99")],
        )
        queue = _graph(
            "Fills waiting",
            [fills.metric_approximate_number_of_messages_visible(period=five, statistic="Maximum")],
            right=[fills.metric_approximate_age_of_oldest_message(period=five, statistic="Maximum")],
        )
        flow = ("run_strategy", "receive", "record_fills", "archive_signals")
        durations = _graph(
            "Duration, p99",
            [functions[name].function.metric_duration(period=five, statistic="p99") for name in flow],
        )
        status = cloudwatch.AlarmStatusWidget(
            title="Alarms", alarms=list(alarms.values()), width=24, height=4
        )
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=f"linkage-{stage.name}",
            default_interval=Duration.days(1),
            widgets=[[status], [rates, orders], [requests, latency], [queue, durations]],
        )


def _graph(
    title: str,
    left: list[cloudwatch.Metric],
    *,
    right: list[cloudwatch.Metric] | None = None,
    left_y_axis: cloudwatch.YAxisProps | None = None,
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title, left=[*left], right=[*(right or [])], left_y_axis=left_y_axis, width=12, height=6
    )
