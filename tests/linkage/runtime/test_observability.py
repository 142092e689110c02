"""One metric line per batch, in units that the alarms expect."""

from __future__ import annotations

import json
import logging
from datetime import UTC

import pytest

from infra.cdk.constructs.metrics import SERIES
from linkage.runtime.observability import PUBLISHED, SystemClock, emit_counts, make_logger, make_metrics


def test_what_alarms_read_is_published_and_the_rest_are_fields_of_the_same_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    metrics = make_metrics("recorder")
    emit_counts(metrics, {"FillsRecorded": 3, "LinkageRatePercent": 99.5, "OldestUnarchivedSeconds": 4})
    emit_counts(metrics, {"OrdersLost": 1})
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    (directive,) = first["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("linkage", [["service"]])
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert units == {"LinkageRatePercent": "Percent", "OldestUnarchivedSeconds": "Seconds"}
    assert first["FillsRecorded"] == 3
    assert second["OrdersLost"] == [1.0]
    assert "LinkageRatePercent" not in second
    assert "FillsRecorded" not in second


def test_counts_that_no_alarm_reads_cost_no_series(capsys: pytest.CaptureFixture[str]) -> None:
    emit_counts(make_metrics("webhook"), {"SignalsStored": 2})
    assert json.loads(capsys.readouterr().out) == {"service": "webhook", "SignalsStored": 2}


def test_exactly_the_series_that_alarms_and_the_dashboard_read_are_published() -> None:
    assert set(SERIES) == PUBLISHED
    assert len(PUBLISHED) <= 11


def test_nothing_counted_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    emit_counts(make_metrics("recorder"), {})
    assert capsys.readouterr().out == ""


def test_a_log_line_is_one_json_object_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    logging.Logger.manager.loggerDict.pop("log-line", None)
    make_logger("log-line", stage="test").info("Fills recorded", extra={"fills": 3})
    line = json.loads(capsys.readouterr().out)
    assert (line["message"], line["fills"], line["service"], line["stage"]) == (
        "Fills recorded", 3, "log-line", "test"
    )  # fmt: skip
    assert line["timestamp"].endswith("+0000")


def test_the_clock_tells_utc() -> None:
    assert SystemClock().now().tzinfo is UTC
