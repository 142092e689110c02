"""Logs, metrics and the clock, the same in every function.

Imports are the narrow powertools modules: the package's own re-exports pull in much more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

NAMESPACE = "linkage"


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
    """Write one metric line in the embedded metric format. Without a name nothing is written.

    Args:
        metrics: of ``make_metrics``.
        counts: metric name to value, unit Count; names that end in Percent or Seconds have that unit.
    """
    if not counts:
        return
    for name, value in counts.items():
        metrics.add_metric(name=name, unit=_unit(name), value=value)
    metrics.flush_metrics()


def _unit(name: str) -> MetricUnit:
    if name.endswith("Percent"):
        return MetricUnit.Percent
    return MetricUnit.Seconds if name.endswith("Seconds") else MetricUnit.Count
