"""CloudWatch alarms. docs/operations.md has a heading for each of them."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.cdk.constructs.function import LinkageFunction
from infra.cdk.constructs.metrics import of_api, ours
from infra.cdk.stages import Stage

# One alarm can sum ten metrics. The others are invoked by people, who see the error.
WATCHED_FUNCTIONS = (
    "run_strategy",
    "receive",
    "record_fills",
    "archive_signals",
    "sweep",
    "maintain",
    "read_ledger",
    "send_report",
    "take_signals",
    "execute_orders",
)

_AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
_BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
_GOOD = cloudwatch.TreatMissingData.NOT_BREACHING
_BAD = cloudwatch.TreatMissingData.BREACHING


class Alarms(Construct):
    """Sixteen alarms; each notifies one topic when it starts and when it is over.

    Attributes:
        alarms: by short name, the part after ``linkage-<stage>-``.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        topic: sns.ITopic,
        functions: Mapping[str, LinkageFunction],
        api_id: str,
        fills: sqs.IQueue,
        fills_dead_letters: sqs.IQueue,
        schedule_dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        self._stage = stage
        self._action = actions.SnsAction(topic)
        self.alarms: dict[str, cloudwatch.Alarm] = {}
        self._linkage()
        self._recording(fills, fills_dead_letters, schedule_dead_letters)
        self._flow(api_id, functions)

    def _linkage(self) -> None:
        """Add the alarms on the rates. The recorder measures them every fifteen minutes."""
        limits, quarter, hour = self._stage.alarms, Duration.minutes(15), Duration.hours(1)
        self._alarm(
            "orders-lost",
            "A signal was expected and never arrived: an order without its parameters.",
            ours("OrdersLost", statistic="Maximum", period=quarter),
        )
        self._alarm(
            "orders-conflict",
            "A key fits a signal, but symbol, side or time do not.",
            ours("OrdersConflict", statistic="Maximum", period=quarter),
        )
        self._alarm(
            "linkage-rate",
            f"Fewer than {limits.linkage_rate_percent:g} % of at least twenty expected orders are linked.",
            ours("LinkageRatePercent", statistic="Minimum", period=quarter),
            threshold=limits.linkage_rate_percent,
            comparison=_BELOW,
        )
        self._alarm(
            "no-expected-orders",
            "Orders execute, but none of them expects a signal: keys are not passed on, or bots are"
            " registered wrongly.",
            # It is measured only where orders execute.
            ours("ExpectedOrders", statistic="Maximum", period=hour),
            comparison=_BELOW,
            periods=6,
        )
        self._alarm(
            "executed-linkage-halved",
            "Within a day, the share of all executed orders that are linked fell to half of its highest.",
            cloudwatch.MathExpression(
                expression="IF(linked < MAX(linked) / 2, 1, 0)",
                using_metrics={"linked": ours("ExecutedLinkagePercent", statistic="Average", period=hour)},
                label="linked share under half of the day's highest",
                period=hour,
            ),
            periods=24,
            datapoints=2,
        )
        self._alarm(
            "snapshot-changed",
            "A link was replaced by one to other parameters. The old one is in the history table.",
            ours("SnapshotChanged", statistic="Sum", period=quarter),
        )

    def _recording(
        self, fills: sqs.IQueue, fills_dead_letters: sqs.IQueue, schedule_dead_letters: sqs.IQueue
    ) -> None:
        limits, five = self._stage.alarms, Duration.minutes(5)
        self._alarm(
            "fills-dead-letters",
            "Fills could not be recorded in fifty attempts.",
            fills_dead_letters.metric_approximate_number_of_messages_visible(
                period=five, statistic="Maximum"
            ),
        )
        self._alarm(
            "fills-waiting",
            f"The oldest fill has waited for {limits.fills_age_seconds} seconds.",
            fills.metric_approximate_age_of_oldest_message(period=five, statistic="Maximum"),
            threshold=limits.fills_age_seconds,
        )
        self._alarm(
            "runs-dead-letters",
            "A scheduled run failed for good: strategy, sweep, measurement, redrive, report or paper broker.",
            schedule_dead_letters.metric_approximate_number_of_messages_visible(
                period=five, statistic="Maximum"
            ),
        )
        self._alarm(
            "signals-unarchived",
            f"A signal has been in the hot store alone for {limits.unarchived_seconds} seconds.",
            ours("OldestUnarchivedSeconds", statistic="Maximum", period=Duration.minutes(15)),
            threshold=limits.unarchived_seconds,
        )
        self._alarm(
            "schema-mismatch",
            "The code and the schema are of different versions: batches are redelivered until they fit.",
            ours("SchemaMismatch", statistic="Sum", period=five),
        )
        self._alarm(
            "not-understood",
            "Something cannot be understood: an event, which is quarantined with its reason, or the"
            " strategy's parameter document, in whose place the last good one stays in force.",
            cloudwatch.MathExpression(
                expression="FILL(events, 0) + FILL(documents, 0)",
                using_metrics={
                    "events": ours("EventsQuarantined", statistic="Sum", period=Duration.minutes(15)),
                    "documents": ours("ParametersInvalid", statistic="Sum", period=Duration.minutes(15)),
                },
                label="events and parameter documents that are not understood",
                period=Duration.minutes(15),
            ),
        )

    def _flow(self, api_id: str, functions: Mapping[str, LinkageFunction]) -> None:
        limits, five = self._stage.alarms, Duration.minutes(5)
        self._alarm(
            "requests-turned-away",
            f"At least {limits.turned_away} requests in five minutes were throttled (429) or refused.",
            of_api("4xx", api_id, statistic="Sum", period=five),
            threshold=limits.turned_away,
        )
        self._alarm(
            "requests-failed",
            "The API answered 5xx: callers that do not repeat have lost a signal.",
            of_api("5xx", api_id, statistic="Sum", period=five),
        )
        errors = {
            f"e{number}": functions[name].function.metric_errors(period=five, statistic="Sum")
            for number, name in enumerate(WATCHED_FUNCTIONS)
        }
        self._alarm(
            "function-errors",
            "A function failed at least three times in five minutes.",
            cloudwatch.MathExpression(
                expression=f"SUM([{', '.join(errors)}])",
                using_metrics=errors,
                label="errors of all functions",
                period=five,
            ),
            threshold=3,
        )
        self._alarm(
            "report-missing",
            f"No report was sent for {self._stage.report_hours} hours.",
            ours("ReportsSent", statistic="Sum", period=Duration.hours(self._stage.report_hours)),
            comparison=_BELOW,
            missing=_BAD,
        )

    def _alarm(
        self,
        name: str,
        meaning: str,
        metric: cloudwatch.IMetric,
        *,
        threshold: float = 1,
        comparison: cloudwatch.ComparisonOperator = _AT_LEAST,
        periods: int = 1,
        datapoints: int | None = None,
        missing: cloudwatch.TreatMissingData = _GOOD,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            "".join(part.title() for part in name.split("-")),
            alarm_name=f"linkage-{self._stage.name}-{name}",
            alarm_description=f"{meaning} See docs/operations.md#{name}",
            metric=metric,
            threshold=threshold,
            comparison_operator=comparison,
            evaluation_periods=periods,
            datapoints_to_alarm=datapoints,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)
        self.alarms[name] = alarm
