"""What must be true of alarms and saved queries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.infra.assembly import Assembly, Resource

ALARMS = {
    "orders-lost",
    "orders-conflict",
    "linkage-rate",
    "no-expected-orders",
    "executed-linkage-halved",
    "snapshot-changed",
    "fills-dead-letters",
    "fills-waiting",
    "runs-dead-letters",
    "signals-unarchived",
    "schema-mismatch",
    "not-understood",
    "requests-turned-away",
    "requests-failed",
    "function-errors",
    "report-missing",
}


def every_alarm_is_there_and_notifies_the_topic(assembly: Assembly) -> None:
    if assembly.stage.local is not None:
        assert "operations" not in assembly.templates
        return
    prefix = f"linkage-{assembly.stage.name}-"
    alarms = {
        alarm["AlarmName"].removeprefix(prefix): alarm for alarm in assembly.all("AWS::CloudWatch::Alarm")
    }
    assert alarms.keys() == ALARMS
    assert len(alarms) <= 16
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == alarm["OKActions"] != [], name
    assert alarms["linkage-rate"]["Threshold"] == 90
    assert alarms["orders-lost"]["Threshold"] == alarms["orders-conflict"]["Threshold"] == 1
    mismatch = alarms["schema-mismatch"]
    assert (mismatch["MetricName"], mismatch["Statistic"], mismatch["Period"]) == (
        "SchemaMismatch",
        "Sum",
        300,
    )
    assert (mismatch["Threshold"], mismatch["EvaluationPeriods"]) == (1, 1)
    assert mismatch["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert mismatch["TreatMissingData"] == "notBreaching"
    assert alarms["report-missing"]["TreatMissingData"] == "breaching"
    series = {
        metric["MetricName"] for metric in _metrics(alarms.values()) if metric["Namespace"] == "linkage"
    }
    assert 0 < len(series) <= 11


def saved_queries_answer_the_five_questions(assembly: Assembly) -> None:
    if assembly.stage.local is not None:
        return
    queries = {query["Name"]: query for query in assembly.all("AWS::Logs::QueryDefinition")}
    names = (
        "linkage-by-hour",
        "unlinked-with-reason",
        "refused-webhooks",
        "slowest-invocations",
        "story-of-one-order",
    )
    assert queries.keys() == {f"linkage-{assembly.stage.name}/{name}" for name in names}
    groups = {group["LogGroupName"] for group in assembly.all("AWS::Logs::LogGroup")}
    for name, query in queries.items():
        assert set(query["LogGroupNames"]) <= groups, name


CHECKS: tuple[Callable[[Assembly], None], ...] = (
    every_alarm_is_there_and_notifies_the_topic,
    saved_queries_answer_the_five_questions,
)


def _metrics(alarms: Any) -> Iterator[Resource]:
    for alarm in alarms:
        if "MetricName" in alarm:
            yield alarm
        for query in alarm.get("Metrics", []):
            if "MetricStat" in query:
                yield query["MetricStat"]["Metric"]
