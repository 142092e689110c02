"""Which reports are mailed when: stage settings, and the schedules that they become."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from functions.report.request import SendReportEvent
from infra.cdk.bundles import ROOT
from infra.cdk.stages import REPORTS, Stage, StageError, load_stage
from tests.infra.assembly import Assembly


def payloads(assembly: Assembly) -> dict[str, dict[str, object]]:
    by_name = {}
    for name, resource in assembly.named("AWS::Scheduler::Schedule"):
        payload = json.loads(resource["Properties"]["Target"]["Input"])
        if "report" in payload:
            assert name.startswith(f"{payload['report'].capitalize()}ReportSchedule")
            by_name[payload["report"]] = payload
    return by_name


def test_each_report_has_a_schedule_whose_payload_the_function_understands(
    assemblies: Callable[[str], Assembly],
) -> None:
    for stage, linkage in (("dev", "always"), ("prod", "problem")):
        sent = payloads(assemblies(stage))
        assert {name: (payload["hours"], payload["send_when"]) for name, payload in sent.items()} == {
            "linkage": (6, linkage), "daily": (24, "always"), "weekly": (168, "always"),
        }  # fmt: skip
        assert [name for name, payload in sent.items() if payload["verdicts"]] == ["weekly"]
        for payload in sent.values():
            assert payload["scheduled_time"] == "<aws.scheduler.scheduled-time>"
            SendReportEvent.model_validate({**payload, "scheduled_time": "2026-11-22T18:00:00Z"})


def test_whoever_bounced_or_complained_is_not_written_to_again(assemblies: Callable[[str], Assembly]) -> None:
    options = assemblies("prod").one("AWS::SES::ConfigurationSet")["SuppressionOptions"]
    assert options == {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]}


def test_context_changes_adds_and_leaves_out_reports() -> None:
    given = {
        "linkage": False,
        "daily": {"send_when": "activity", "recipients": ["ada@example.com", "ops@example.com"]},
        "hourly": {"schedule": "cron(0 * * * ? *)", "hours": 1, "send_when": "problem"},
    }
    for reports in (given, json.dumps(given)):
        context: dict[str, object] = {"recipients": "ops@example.com", "reports": reports}
        stage = load_stage(context.get)
        assert set(stage.reports) == {"daily", "weekly", "hourly"}
        assert stage.reports["daily"].send_when == "activity"
        assert stage.reports["daily"].schedule == REPORTS["daily"].schedule
        assert stage.all_recipients == ("ops@example.com", "ada@example.com")
        assert stage.report_hours == 2


def stage_with(reports: object) -> Stage:
    context: dict[str, object] = {"reports": reports}
    return load_stage(context.get)


def test_a_missing_report_is_noticed_an_hour_after_the_shortest_period() -> None:
    assert stage_with({}).report_hours == 7
    assert stage_with({"linkage": False}).report_hours == 25
    # As far back as CloudWatch looks.
    assert stage_with({"linkage": False, "daily": False}).report_hours == 168


@pytest.mark.parametrize(
    ("reports", "message"),
    [
        ("{", "context reports: not a JSON object"),
        ([], "context reports: not a JSON object"),
        ({"Daily!": {}}, "context reports.Daily!.[key]: String should match pattern '^[a-z][a-z0-9]{0,30}$'"),
        ({"monthly": {"hours": 720}}, "context reports.monthly.schedule: Field required"),
        ({"daily": {"hours": 0}}, "context reports.daily.hours: Input should be greater than or equal to 1"),
        ({"daily": {"hours": "24"}}, "context reports.daily.hours: Input should be a valid integer"),
        (
            {"daily": {"send_when": "never"}},
            "context reports.daily.send_when: Input should be 'always', 'activity' or 'problem' (given",
        ),
        ({"daily": {"color": "red"}}, "context reports.daily.color: Extra inputs are not permitted"),
        (
            {"daily": {"verdicts": "perhaps"}},
            "context reports.daily.verdicts: Input should be a valid boolean",
        ),
        ({"daily": "often"}, "context reports.daily: Input should be a valid dictionary"),
        (
            {"linkage": False, "daily": False, "weekly": False},
            "context reports: Value should have at least 1",
        ),
    ],
)
def test_a_wrong_report_is_refused_by_name(reports: object, message: str) -> None:
    with pytest.raises(StageError) as raised:
        stage_with(reports)
    assert str(raised.value).startswith(message)


def test_the_documented_context_is_understood() -> None:
    page = (ROOT / "docs" / "mail.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    context: dict[str, object] = json.loads(example)
    stage = load_stage(context.get)
    assert set(stage.reports) == {"daily", "weekly"}
    assert stage.all_recipients == ("desk@example.com", "ada@example.com")
