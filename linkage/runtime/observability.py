"""Logs, metrics and the clock, the same in every function.

Imports are the narrow powertools modules: the package's own re-exports pull in much more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

NAMESPACE = "linkage"

PUBLISHED = frozenset(
    {
        "OrdersLost", "OrdersConflict", "LinkageRatePercent", "ExecutedLinkagePercent", "ExpectedOrders",
        "OldestUnarchivedSeconds", "EventsQuarantined", "ParametersInvalid", "SnapshotChanged", "ReportsSent",
        "SchemaMismatch",
    }
)  # fmt: skip
"""What an alarm or the dashboard reads. Each name is a series that costs money; ten are free, and some are
published only while something is wrong."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present as aware UTC."""
        return datetime.now(UTC)


def make_logger(service: str, *, level: str = "INFO", stage: str = "") -> Logger:
    """Return a function's logger: one JSON object per line, times in UTC.

    Args:
        service: the function's name, e.g. ``webhook``.
        level: DEBUG, INFO, WARNING or ERROR.
        stage: added to every line when given.
    """
    logger = Logger(service=service, level=level, utc=True)
    if stage:
        logger.append_keys(stage=stage)
    return logger


def make_metrics(service: str) -> Metrics:
    """Return a function's metrics; ``service`` is the only dimension."""
    return Metrics(namespace=NAMESPACE, service=service)


def emit_counts(metrics: Metrics, counts: Mapping[str, float]) -> None:
    """Write one line with all counts. Those in ``PUBLISHED`` become metrics (embedded metric format); the
    others are fields of the same line, which Logs Insights can sum. Without a name nothing is written.

    Args:
        metrics: of ``make_metrics``.
        counts: name to value, unit Count; names that end in Percent or Seconds have that unit.
    """
    log_fields = {name: value for name, value in counts.items() if name not in PUBLISHED}
    if len(log_fields) == len(counts):
        if log_fields:
            print(json.dumps({"service": metrics.service, **log_fields}, separators=(",", ":")))
        return
    for name, value in log_fields.items():
        metrics.add_metadata(key=name, value=value)
    for name in counts.keys() & PUBLISHED:
        metrics.add_metric(name=name, unit=_unit(name), value=counts[name])
    metrics.flush_metrics()


def _unit(name: str) -> MetricUnit:
    if name.endswith("Percent"):
        return MetricUnit.Percent
    return MetricUnit.Seconds if name.endswith("Seconds") else MetricUnit.Count
