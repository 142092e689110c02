"""The checks of ``linkage smoke``: what only a deployment can prove, read without changing anything."""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from cli.cloud import Cloud, CommandError
from linkage import __version__
from linkage.adapters.aws.sqs_events import queue_depth
from linkage.domain.canonical import iso_utc
from linkage.runtime.settings import variable_name

State = Literal["OK", "FAIL", "not here"]

HEALTH_SECONDS = 10.0
READ_SECONDS = 40.0
MOST_WAITING = 1_000
"""Messages. The recorder takes fifty at a time, four times side by side, in about a second."""
MISSED_RUNS = 3
"""So many periods of its schedule after the last run, the strategy has stopped."""

_LAST_RUN = (
    "SELECT extract(epoch FROM clock_timestamp() - max(started_at))::integer AS seconds FROM strategy_runs"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check. ``advice`` is the remedy: nothing when all is well."""

    text: str
    advice: str = ""
    state: State = "OK"


def failure(text: str, advice: str) -> Finding:
    """Return the finding of a check that failed."""
    return Finding(text, advice, "FAIL")


def stacks(cloud: Cloud) -> Finding:
    """Every stack is deployed, and its last deployment succeeded."""
    parts = ("data", "service") if cloud.state else ("data", "service", "operations")
    wrong = []
    for part in parts:
        status = str(_stack(cloud, part)["StackStatus"])
        if not status.endswith("_COMPLETE") or "ROLLBACK" in status or status.startswith("DELETE"):
            wrong.append(f"{part} is {status}")
    if wrong:
        return failure(", ".join(wrong), "read the stack's events, fix the cause, and deploy again")
    return Finding(f"{', '.join(parts)} are complete")


def api(cloud: Cloud) -> Finding:
    """The health route answers over the public address."""
    url = f"{cloud.api_url}/health"
    # This machine is not reached through a proxy.
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if cloud.state else []))
    started = time.monotonic()
    try:
        with opener.open(url, timeout=HEALTH_SECONDS) as reply:
            document = json.loads(reply.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return failure(f"GET /health: {error}", "read the log of receive and the API's access log")
    text = f"version {document.get('version')} in {time.monotonic() - started:.1f} s"
    if document.get("stage") != cloud.stage:
        return failure(f"stage {document.get('stage')} answers", "deploy this stage again")
    if document.get("version") != __version__:
        return Finding(text, f"this command is of version {__version__}; deploy to have the same")
    return Finding(text)


def database(cloud: Cloud) -> Finding:
    """PostgreSQL answers the function inside the VPC: its login, its routes and its certificate are right."""
    now, started = datetime.now(UTC), time.monotonic()
    asked = {"op": "rates", "start": iso_utc(now - timedelta(hours=1)), "end": iso_utc(now)}
    try:
        cloud.invoke("ReadLedgerFunction", asked, read_timeout=READ_SECONDS)
    except BotoCoreError as error:
        return failure(f"read_ledger gave no answer: {error}", _LEDGER_ADVICE)
    except CommandError as error:
        return failure(str(error), _LEDGER_ADVICE)
    return Finding(f"read_ledger answered in {time.monotonic() - started:.1f} s")


_LEDGER_ADVICE = "read the log of read-ledger; is the database up, and did bootstrap make its roles?"


def last_run(cloud: Cloud) -> Finding:
    """The strategy runs as often as its schedule says, and its runs reach the ledger."""
    schedule = _schedules(cloud).get("Strategy", {})
    if cloud.state and schedule.get("State") != "ENABLED":
        return Finding("no schedule starts it in a replay", state="not here")
    reply = cloud.invoke("QueryLedgerFunction", {"sql": _LAST_RUN}, read_timeout=READ_SECONDS)
    if not reply.get("ok"):
        return failure(str(reply.get("error")), "deploy the current version")
    seconds = reply["rows"][0][0]
    limit = MISSED_RUNS * period_of(str(schedule.get("ScheduleExpression", "")))
    if seconds is None:
        return failure(
            "no run yet", f"right after a deployment wait {_ago(limit)}; then: log of run-strategy"
        )
    if seconds > limit.total_seconds():
        return failure(
            f"{_ago(timedelta(seconds=seconds))} ago",
            "read the logs of run-strategy and archive-signals; did its schedule start it?",
        )
    return Finding(f"{_ago(timedelta(seconds=seconds))} ago")


def sources(cloud: Cloud) -> Finding:
    """The fills queue and the table's stream are read."""
    wrong, seen = [], 0
    for output in ("RecordFillsFunction", "ArchiveSignalsFunction"):
        listed = cloud.client("lambda").list_event_source_mappings(FunctionName=cloud.output(output))
        mappings = listed["EventSourceMappings"]
        seen += len(mappings)
        if not mappings:
            wrong.append(f"nothing feeds {output}")
        for mapping in mappings:
            state, result = mapping["State"], str(mapping.get("LastProcessingResult", ""))
            if state != "Enabled" or result.startswith("PROBLEM"):
                wrong.append(f"{output}: {result if state == 'Enabled' else state}")
    if wrong:
        return failure(", ".join(wrong), "enable it, or deploy again; a PROBLEM is in the function's log")
    return Finding(f"{seen} are enabled")


def fills(cloud: Cloud) -> Finding:
    """Fills do not pile up."""
    waiting = queue_depth(cloud.client("sqs"), cloud.output("FillsQueueUrl"))
    text = f"{waiting} waiting"
    return Finding(text) if waiting <= MOST_WAITING else failure(text, "docs/operations.md#fills-waiting")


def dead_letters(cloud: Cloud) -> Finding:
    """No fill is a dead letter."""
    waiting = queue_depth(cloud.client("sqs"), cloud.output("FillsDlqUrl"))
    text = f"{waiting} waiting"
    return failure(text, "docs/operations.md#fills-dead-letters") if waiting else Finding(text)


def failed_runs(cloud: Cloud) -> Finding:
    """No scheduled run is a dead letter."""
    waiting = queue_depth(cloud.client("sqs"), cloud.output("ScheduleDlqUrl"))
    text = f"{waiting} waiting"
    return failure(text, "docs/operations.md#runs-dead-letters") if waiting else Finding(text)


def schedules(cloud: Cloud) -> Finding:
    """Every schedule is on."""
    states = {name: schedule["State"] for name, schedule in _schedules(cloud).items()}
    off = sorted(name for name, state in states.items() if state != "ENABLED")
    if not states:
        return failure("there are none", "deploy the current version")
    if off and cloud.state:
        return Finding("a replay starts the functions itself", state="not here")
    if off:
        return failure(f"off: {', '.join(off)}", "enable them in EventBridge Scheduler, or deploy again")
    return Finding(f"{len(states)} are enabled")


def mail(cloud: Cloud) -> Finding:
    """SES lets the sender mail the stage's recipients."""
    if cloud.state:
        return Finding("the local mailbox takes every mail", state="not here")
    ses = cloud.client("sesv2")
    account = ses.get_account()
    if not account.get("SendingEnabled"):
        return failure("SES has paused sending", "see the SES console's account dashboard")
    settings = cloud.client("lambda").get_function_configuration(
        FunctionName=cloud.output("SendReportFunction")
    )["Environment"]["Variables"]
    sender, recipients = (settings[variable_name(name)] for name in ("sender", "recipients"))
    if not _verified(ses, sender):
        return failure(
            f"{sender} is not verified", "follow the link that AWS mailed there, or verify its domain"
        )
    if account.get("ProductionAccessEnabled"):
        return Finding(f"{sender} is verified, and may mail everybody")
    strangers = [name for name in recipients.split(",") if name and not _verified(ses, name)]
    if strangers:
        return failure(
            f"in the sandbox, and not verified: {', '.join(strangers)}",
            "verify them in SES, or ask there for production access",
        )
    return Finding(f"{sender} is verified; in the sandbox, and all recipients are verified too")


def alarms(cloud: Cloud) -> Finding:
    """No alarm is on, and each would notify its topic."""
    if cloud.state:
        return Finding("the emulator has none", state="not here")
    pages = cloud.client("cloudwatch").get_paginator("describe_alarms")
    prefix = f"linkage-{cloud.stage}-"
    metric_alarms = [
        alarm
        for page in pages.paginate(AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm"])
        for alarm in page["MetricAlarms"]
    ]
    if not metric_alarms:
        return failure("there are none", "deploy the operations stack")
    on = [
        alarm["AlarmName"].removeprefix(prefix) for alarm in metric_alarms if alarm["StateValue"] == "ALARM"
    ]
    if on:
        return failure(f"on: {', '.join(on)}", f"docs/operations.md#{on[0]}")
    disabled = [
        alarm["AlarmName"].removeprefix(prefix) for alarm in metric_alarms if not alarm["ActionsEnabled"]
    ]
    if disabled:
        return failure(f"switched off: {', '.join(disabled)}", "enable their actions in CloudWatch")
    return Finding(f"none of {len(metric_alarms)} is on")


def alarm_mail(cloud: Cloud) -> Finding:
    """Every recipient of alarms has confirmed the subscription."""
    if cloud.state:
        return Finding("the emulator has no alarms", state="not here")
    outputs = {
        output["OutputKey"]: output["OutputValue"] for output in _stack(cloud, "operations")["Outputs"]
    }
    pages = cloud.client("sns").get_paginator("list_subscriptions_by_topic")
    subscriptions = [
        subscription
        for page in pages.paginate(TopicArn=outputs["AlarmTopicArn"])
        for subscription in page["Subscriptions"]
    ]
    if not subscriptions:
        return Finding(
            "alarms have no recipients", "deploy with --alarm-recipients ADDRESS", state="not here"
        )
    waiting = [
        subscription["Endpoint"]
        for subscription in subscriptions
        if subscription["SubscriptionArn"] == "PendingConfirmation"
    ]
    if waiting:
        return failure(f"not confirmed: {', '.join(waiting)}", "follow the link that AWS mailed there")
    return Finding(f"{len(subscriptions)} confirmed")


CHECKS: Mapping[str, Callable[[Cloud], Finding]] = {
    "stacks": stacks,
    "API": api,
    "database": database,
    "schedules": schedules,
    "last run": last_run,
    "event sources": sources,
    "fills": fills,
    "dead letters": dead_letters,
    "failed runs": failed_runs,
    "mail": mail,
    "alarms": alarms,
    "alarm mail": alarm_mail,
}


def period_of(expression: str) -> timedelta:
    """Return the time between two runs of a schedule; a day when its expression is none of the usual ones."""
    if step := re.fullmatch(r"cron\(\d+/(\d+) \* \* \* \? \*\)", expression):
        return timedelta(minutes=int(step[1]))
    if rate := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression):
        return timedelta(**{f"{rate[2]}s": int(rate[1])})
    return timedelta(days=1)


def _ago(age: timedelta) -> str:
    minutes = int(age.total_seconds()) // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def _stack(cloud: Cloud, part: str) -> Mapping[str, Any]:
    name = f"linkage-{cloud.stage}-{part}"
    try:
        stack: Mapping[str, Any] = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            raise CommandError(f"stack {name} does not exist") from None
        raise
    return stack


def _schedules(cloud: Cloud) -> Mapping[str, Mapping[str, Any]]:
    """Return the service stack's schedules by the names that the stack gives them, such as ``Strategy``."""
    scheduler = cloud.client("scheduler")
    pages = cloud.client("cloudformation").get_paginator("list_stack_resources")
    return {
        resource["LogicalResourceId"].partition("Schedule")[0]: scheduler.get_schedule(
            Name=resource["PhysicalResourceId"]
        )
        for page in pages.paginate(StackName=f"linkage-{cloud.stage}-service")
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::Scheduler::Schedule"
    }


def _verified(ses: Any, address: str) -> bool:
    """Whether an address, or its whole domain, is an identity that SES has verified."""
    for name in (address, address.split("@")[-1]):
        try:
            if ses.get_email_identity(EmailIdentity=name).get("VerifiedForSendingStatus"):
                return True
        except ClientError as error:
            if error.response["Error"]["Code"] != "NotFoundException":
                raise
    return False
