"""An idle month of dev, summed from its templates. docs/cost.md says where each price comes from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from infra.cdk.bundles import ROOT
from tests.infra.assembly import Assembly

HOURS = 730
DAYS = Decimal("30.4")
LIMIT = Decimal(20)

# US dollars, us-east-1.
INSTANCE_HOUR = {"db.t4g.micro": Decimal("0.016")}
GP3_GB_MONTH = Decimal("0.115")
SECRET_MONTH = Decimal("0.40")
ALARM_METRIC_MONTH = Decimal("0.10")
METRIC_MONTH = Decimal("0.30")
DASHBOARD_MONTH = Decimal(3)
FREE_ALARM_METRICS = 10
FREE_METRICS = 10
FREE_DASHBOARDS = 3
FREE_INVOCATIONS = 1_000_000
FREE_GB_SECONDS = 400_000

# What an idle deployment emits: the measurement's gauges, the sweep's, the strategy's and the report's.
IDLE_METRICS = 10

# Invocations a day, and seconds that each may take when there is nothing to do.
IDLE_RUNS: Mapping[str, tuple[int, Decimal]] = {
    "run_strategy": (288, Decimal(3)),
    "execute_orders": (288, Decimal(1)),
    "sweep": (96, Decimal(1)),
    "maintain": (96, Decimal(1)),
    "redrive": (96, Decimal("0.3")),
    "send_report": (6, Decimal(10)),
    "read_ledger": (6, Decimal(1)),
    "archive_signals": (288, Decimal("0.2")),
    "take_signals": (0, Decimal(0)),
}


def idle_month(assembly: Assembly) -> dict[str, Decimal]:
    """Return US dollars by what they are for."""
    database = assembly.one("AWS::RDS::DBInstance")
    # RDS stores the master user's password in a secret of its own.
    secrets = len(assembly.all("AWS::SecretsManager::Secret")) + 1
    alarm_metrics = sum(_metrics_of(alarm) for alarm in assembly.all("AWS::CloudWatch::Alarm"))
    dashboards = len(assembly.all("AWS::CloudWatch::Dashboard"))
    return {
        "database instance": INSTANCE_HOUR[database["DBInstanceClass"]] * HOURS,
        "database storage": GP3_GB_MONTH * int(database["AllocatedStorage"]),
        "secrets": SECRET_MONTH * secrets,
        "alarms": ALARM_METRIC_MONTH * max(0, alarm_metrics - FREE_ALARM_METRICS),
        "metrics": METRIC_MONTH * max(0, IDLE_METRICS - FREE_METRICS),
        "dashboards": DASHBOARD_MONTH * max(0, dashboards - FREE_DASHBOARDS),
    }


def test_an_idle_month_of_dev_costs_less_than_twenty_dollars(assemblies: Callable[[str], Assembly]) -> None:
    assert sum(idle_month(assemblies("dev")).values()) <= LIMIT


def test_idle_runs_are_within_what_is_free(assemblies: Callable[[str], Assembly]) -> None:
    functions = assemblies("dev").functions()
    runs = sum(count for count, _ in IDLE_RUNS.values()) * DAYS
    gb_seconds = sum(
        count * seconds * Decimal(functions[name]["MemorySize"]) / 1024 * DAYS
        for name, (count, seconds) in IDLE_RUNS.items()
    )
    assert runs <= FREE_INVOCATIONS
    assert gb_seconds <= FREE_GB_SECONDS


def test_nothing_that_costs_by_the_hour_is_missing_from_the_sum(
    assemblies: Callable[[str], Assembly],
) -> None:
    by_the_hour = (
        "AWS::EC2::NatGateway",
        "AWS::EC2::EIP",
        "AWS::EC2::Instance",
        "AWS::KMS::Key",
        "AWS::RDS::DBProxy",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
    )
    assert not assemblies("dev").all(*by_the_hour)


def test_the_documents_say_the_sum_of_the_templates(assemblies: Callable[[str], Assembly]) -> None:
    costs = idle_month(assemblies("dev"))
    page = (ROOT / "docs" / "cost.md").read_text().partition("## A million fills")[0]
    documented = {
        name: Decimal(price) for name, price in re.findall(r"^\| ([a-z ]+) \|.*\| ([0-9.]+) \|$", page, re.M)
    }
    assert documented.pop("together") == sum(costs.values())
    assert documented == costs


def _metrics_of(alarm: Mapping[str, object]) -> int:
    queries = alarm.get("Metrics")
    if not isinstance(queries, list):
        return 1
    return sum(1 for query in queries if "MetricStat" in query)
