"""``linkage smoke``: each check passes on a healthy stage, and says what to do about one thing that is wrong.

AWS is played from tables. What a check asks and what it is answered are held against botocore's own models.
"""

from __future__ import annotations

import io
import json
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

from cli import smoke, smoke_checks
from cli.cloud import Cloud, CommandError
from linkage import __version__
from local.state import LocalState
from tests.cli.deployed import run

MODELS = botocore.session.get_session()
OUTPUTS = {
    "FillsQueueUrl": "https://sqs/fills",
    "FillsDlqUrl": "https://sqs/dead",
    "ScheduleDlqUrl": "https://sqs/runs",
    "RecordFillsFunction": "record-fills",
    "ArchiveSignalsFunction": "archive-signals",
    "SendReportFunction": "send-report",
    "ReadLedgerFunction": "read-ledger",
    "QueryLedgerFunction": "query-ledger",
    "ApiUrl": "https://api.example",
}
ADDRESSES = {"LINKAGE_SENDER": "reports@example.com", "LINKAGE_RECIPIENTS": "ada@example.com"}


def refusal(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


@dataclass
class FakeService:
    """A client that answers from the stage's table."""

    name: str
    stage: FakeStage

    def __getattr__(self, method: str) -> Any:
        model = MODELS.get_service_model(self.name)
        shapes = {xform_name(name): model.operation_model(name) for name in model.operation_names}

        def call(**asked: Any) -> Any:
            validate_parameters(asked, shapes[method].input_shape)
            answer = self.stage.answers[method]
            answer = answer(**asked) if callable(answer) else answer
            if isinstance(answer, Exception):
                raise answer
            validate_parameters(answer, shapes[method].output_shape)
            return answer

        if method == "get_paginator":
            return lambda operation: FakePages(getattr(self, operation))
        return call


@dataclass
class FakePages:
    call: Any

    def paginate(self, **asked: Any) -> Iterator[Any]:
        yield self.call(**asked)


@dataclass
class FakeStage(Cloud):
    """A deployed stage in which all is well, until a test changes an answer."""

    answers: dict[str, Any] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    seconds: int | None = 240
    ledger: Exception | None = None

    def __post_init__(self) -> None:
        super().__init__("dev")
        now = datetime.now(UTC)
        schedule = {"State": "ENABLED", "ScheduleExpression": "cron(0/5 * * * ? *)", "Name": "s"}
        alarm = {"AlarmName": "linkage-dev-orders-lost", "StateValue": "OK", "ActionsEnabled": True}
        self.answers = {
            "describe_stacks": self._stacks,
            "list_stack_resources": {
                "StackResourceSummaries": [
                    {
                        "LogicalResourceId": f"{name}Schedule8A2C41F0",
                        "PhysicalResourceId": f"linkage-dev-{name}",
                        "ResourceType": "AWS::Scheduler::Schedule",
                        "LastUpdatedTimestamp": now,
                        "ResourceStatus": "CREATE_COMPLETE",
                    }
                    for name in ("Strategy", "Sweep")
                ]
            },
            "get_schedule": schedule,
            "list_event_source_mappings": {"EventSourceMappings": [{"State": "Enabled"}]},
            "get_queue_attributes": self._depth,
            "get_account": {"SendingEnabled": True, "ProductionAccessEnabled": True},
            "get_email_identity": {"VerifiedForSendingStatus": True},
            "get_function_configuration": {"Environment": {"Variables": ADDRESSES}},
            "describe_alarms": {"MetricAlarms": [alarm]},
            "list_subscriptions_by_topic": {
                "Subscriptions": [{"Endpoint": "ada@example.com", "SubscriptionArn": "arn:aws:sns:x"}]
            },
        }

    def client(self, service: str, *, read_timeout: float = 60, max_attempts: int = 3) -> Any:
        return FakeService(service, self)

    def invoke(self, output_name: str, payload: Mapping[str, object], *, read_timeout: float = 120) -> Any:
        self.output(output_name)
        if self.ledger is not None:
            raise self.ledger
        if "sql" in payload:
            return {"ok": True, "columns": ["seconds"], "rows": [[self.seconds]], "truncated": False}
        return {"ok": True, "result": {"modes": []}}

    def _stacks(self, *, StackName: str) -> Any:  # noqa: N803 - as AWS spells it
        part = StackName.rpartition("-")[2]
        status = self.status.get(part, "UPDATE_COMPLETE")
        if status == "absent":
            return refusal("ValidationError", "DescribeStacks")
        outputs = OUTPUTS if part == "service" else {"AlarmTopicArn": "arn:aws:sns:eu-central-1:1:alarms"}
        listed = [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]
        stack = {"StackName": StackName, "CreationTime": datetime.now(UTC), "StackStatus": status}
        return {"Stacks": [stack | {"Outputs": listed}]}

    def _depth(self, *, QueueUrl: str, AttributeNames: list[str]) -> Any:  # noqa: N803 - as AWS spells it
        count = self.waiting.get(QueueUrl.rpartition("/")[2], 0)
        return {"Attributes": dict.fromkeys(AttributeNames, "0") | {AttributeNames[0]: str(count)}}


@dataclass
class FakeApi:
    """What answers at the API's address."""

    document: Mapping[str, object]
    asked: list[str] = field(default_factory=list)

    def open(self, url: str, timeout: float) -> Any:
        self.asked.append(url)
        return io.BytesIO(json.dumps(self.document).encode())


@pytest.fixture(autouse=True)
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    answering = FakeApi({"status": "ok", "stage": "dev", "version": __version__})
    monkeypatch.setattr(urllib.request, "build_opener", lambda *_handlers: answering)
    return answering


def lines(stage: Cloud) -> dict[str, smoke.Line]:
    return {line.check: line for line in smoke.run_checks(stage)}


def the_failure(stage: FakeStage) -> tuple[str, str]:
    """Return (check, found) of the one check that fails; it says what to do."""
    (failed,) = [line for line in lines(stage).values() if line.state == "FAIL"]
    assert failed.advice
    return failed.check, failed.found


def test_a_healthy_stage_passes_every_check_and_ends_with_0(api: FakeApi) -> None:
    assert {line.state for line in lines(FakeStage()).values()} == {"OK"}
    assert api.asked == ["https://api.example/health"]
    done = run(FakeStage(), "smoke")
    assert done.exit_code == 0, done.output
    assert "Nothing is wrong." in done.stderr


def test_one_failure_ends_with_1_and_json_says_which() -> None:
    done = run(FakeStage(waiting={"dead": 3}), "smoke", "--failed", "--json")
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert (document["stage"], document["ok"]) == ("dev", False)
    assert document["checks"] == [
        {
            "check": "dead letters",
            "state": "FAIL",
            "found": "3 waiting",
            "advice": "docs/operations.md#fills-dead-letters",
        }
    ]


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_IN_PROGRESS"])
def test_a_stack_whose_last_deployment_did_not_succeed_fails(status: str) -> None:
    assert the_failure(FakeStage(status={"data": status})) == ("stacks", f"data is {status}")


def test_a_stage_that_is_not_there_fails_every_check_without_an_exception() -> None:
    stage = FakeStage(status=dict.fromkeys(("data", "service", "operations"), "absent"))
    found = lines(stage)
    assert found["stacks"].found == "stack linkage-dev-data does not exist"
    assert {found[name].state for name in ("API", "database", "fills", "alarm mail")} == {"FAIL"}


def test_another_stage_behind_the_address_fails_and_another_version_is_told(api: FakeApi) -> None:
    api.document = {"status": "ok", "stage": "dev", "version": "0.0.1"}
    line = lines(FakeStage())["API"]
    assert (line.state, __version__ in line.advice) == ("OK", True)
    api.document = {"status": "ok", "stage": "prod", "version": __version__}
    assert the_failure(FakeStage()) == ("API", "stage prod answers")


def test_an_api_that_does_not_answer_fails(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_url: str, timeout: float) -> Any:
        raise OSError(f"refused within {timeout:.0f} s")

    monkeypatch.setattr(api, "open", refuse)
    assert the_failure(FakeStage()) == ("API", "GET /health: refused within 10 s")


def test_a_ledger_that_does_not_answer_fails_and_the_other_checks_go_on() -> None:
    found = lines(FakeStage(ledger=CommandError("ReadLedgerFunction failed")))
    assert {name for name, line in found.items() if line.state == "FAIL"} == {"database", "last run"}


@pytest.mark.parametrize(
    ("seconds", "expression", "state"),
    [
        (900, "cron(0/5 * * * ? *)", "OK"),
        (901, "cron(0/5 * * * ? *)", "FAIL"),
        (None, "cron(0/5 * * * ? *)", "FAIL"),
        (3 * 3600, "rate(1 hour)", "OK"),
        (3 * 3600 + 1, "rate(1 hour)", "FAIL"),
        (3 * 86_400, "cron(15 12 * * ? *)", "OK"),
    ],
)
def test_the_last_run_may_be_three_periods_of_its_schedule_ago(
    seconds: int | None, expression: str, state: str
) -> None:
    stage = FakeStage(seconds=seconds)
    stage.answers["get_schedule"] = {"State": "ENABLED", "ScheduleExpression": expression}
    assert lines(stage)["last run"].state == state


@pytest.mark.parametrize(
    ("method", "answer", "check", "found"),
    [
        ("get_schedule", {"State": "DISABLED"}, "schedules", "off: Strategy, Sweep"),
        ("list_stack_resources", {"StackResourceSummaries": []}, "schedules", "there are none"),
        (
            "list_event_source_mappings",
            {"EventSourceMappings": [{"State": "Enabled", "LastProcessingResult": "PROBLEM: no rights"}]},
            "event sources",
            "RecordFillsFunction: PROBLEM: no rights, ArchiveSignalsFunction: PROBLEM: no rights",
        ),
        (
            "list_event_source_mappings",
            {"EventSourceMappings": []},
            "event sources",
            "nothing feeds RecordFillsFunction, nothing feeds ArchiveSignalsFunction",
        ),
        ("get_account", {"SendingEnabled": False}, "mail", "SES has paused sending"),
        (
            "get_email_identity",
            refusal("NotFoundException", "GetEmailIdentity"),
            "mail",
            "reports@example.com is not verified",
        ),
        (
            "get_account",
            refusal("AccessDenied", "GetAccount"),
            "mail",
            "AWS refused GetAccount: AccessDenied",
        ),
        (
            "describe_alarms",
            {
                "MetricAlarms": [
                    {"AlarmName": "linkage-dev-orders-lost", "StateValue": "ALARM", "ActionsEnabled": True}
                ]
            },
            "alarms",
            "on: orders-lost",
        ),
        (
            "describe_alarms",
            {
                "MetricAlarms": [
                    {"AlarmName": "linkage-dev-orders-lost", "StateValue": "OK", "ActionsEnabled": False}
                ]
            },
            "alarms",
            "switched off: orders-lost",
        ),
        ("describe_alarms", {"MetricAlarms": []}, "alarms", "there are none"),
        (
            "list_subscriptions_by_topic",
            {"Subscriptions": [{"Endpoint": "ada@example.com", "SubscriptionArn": "PendingConfirmation"}]},
            "alarm mail",
            "not confirmed: ada@example.com",
        ),
    ],
)
def test_what_is_wrong_in_aws_is_said(method: str, answer: Any, check: str, found: str) -> None:
    stage = FakeStage()
    stage.answers[method] = answer
    assert the_failure(stage) == (check, found)


@pytest.mark.parametrize(("queue", "check"), [("dead", "dead letters"), ("runs", "failed runs")])
def test_one_dead_letter_fails(queue: str, check: str) -> None:
    assert the_failure(FakeStage(waiting={queue: 1})) == (check, "1 waiting")


def test_fills_may_wait_but_not_pile_up() -> None:
    assert lines(FakeStage(waiting={"fills": smoke_checks.MOST_WAITING}))["fills"].state == "OK"
    assert the_failure(FakeStage(waiting={"fills": smoke_checks.MOST_WAITING + 1}))[0] == "fills"


def test_in_the_sandbox_every_recipient_has_to_be_verified_or_its_domain() -> None:
    stage = FakeStage()
    stage.answers["get_account"] = {"SendingEnabled": True, "ProductionAccessEnabled": False}
    verified = {"reports@example.com", "example.com"}
    stage.answers["get_email_identity"] = lambda EmailIdentity: {  # noqa: N803 - as AWS spells it
        "VerifiedForSendingStatus": EmailIdentity in verified
    }
    assert lines(stage)["mail"].state == "OK"
    verified.remove("example.com")
    assert the_failure(stage) == ("mail", "in the sandbox, and not verified: ada@example.com")


def test_nobody_who_is_told_of_alarms_is_no_failure() -> None:
    stage = FakeStage()
    stage.answers["list_subscriptions_by_topic"] = {"Subscriptions": []}
    line = lines(stage)["alarm mail"]
    assert (line.state, line.found) == ("not here", "alarms have no recipients")


def test_what_the_local_cloud_has_not_is_not_here(api: FakeApi) -> None:
    stage = FakeStage(status={"operations": "absent"})
    stage.state = LocalState("/x", "https://127.0.0.1:1", "us-east-1", "a", "b")
    stage.answers["get_schedule"] = {"State": "DISABLED"}
    absent = {line.check for line in lines(stage).values() if line.state == "not here"}
    assert absent == {"schedules", "last run", "mail", "alarms", "alarm mail"}


def test_periods_are_read_from_the_usual_expressions() -> None:
    assert smoke_checks.period_of("rate(2 days)") == timedelta(days=2)
    assert smoke_checks.period_of("cron(7/15 * * * ? *)") == timedelta(minutes=15)
    assert smoke_checks.period_of("at(2026-11-22T00:00:00)") == timedelta(days=1)
