"""``linkage smoke``: what only a deployment can prove, looked at without changing anything."""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.cloud import PROBLEM, Cloud, CommandError, JsonOption, cloud_of
from cli.output import print_json, print_table, say
from linkage import __version__
from linkage.adapters.aws.sqs_events import queue_depth
from linkage.domain.canonical import iso_utc
from linkage.domain.errors import LinkageError
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
class Found:
    """What a check saw. ``advice`` is what to do about it: nothing when all is well."""

    words: str
    advice: str = ""
    state: State = "OK"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the command's answer."""

    check: str
    state: State
    found: str
    advice: str


def smoke(
    context: typer.Context,
    failed: Annotated[bool, typer.Option("--failed", help="Only what is not OK.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check a deployed stage from outside; it changes nothing.

    It checks stacks, API, database, runs, queues, mail, alarms and schedules. Exit code 1 when a check fails.
    """
    cloud = cloud_of(context)
    lines = list(look_at(cloud))
    shown = [line for line in lines if line.state != "OK"] if failed else lines
    failures = [line.check for line in lines if line.state == "FAIL"]
    if as_json:
        print_json({"stage": cloud.stage, "ok": not failures, "checks": [asdict(line) for line in shown]})
    else:
        rows = [(line.check, line.state, line.found, line.advice or None) for line in shown]
        print_table(("check", "state", "found", "what to do"), rows, title=f"stage {cloud.stage}")
        say(f"{len(failures)} of {len(lines)} checks failed." if failures else "Nothing is wrong.")
    if failures:
        raise typer.Exit(PROBLEM)


def look_at(cloud: Cloud) -> Iterator[Line]:
    """Yield a line for each check. One that cannot be made has failed; the others go on."""
    for name, check in CHECKS.items():
        try:
            found = check(cloud)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            words = f"AWS refused {error.operation_name}: {code}"
            found = _wrong(words, "do your credentials allow it, and are they of this stage's account?")
        except CommandError as error:
            found = _wrong(str(error), "deploy this stage, or name another one with --stage")
        except (BotoCoreError, LinkageError) as error:
            found = _wrong(str(error), "is the service reachable from here?")
        yield Line(name, found.state, found.words, found.advice)


def stacks(cloud: Cloud) -> Found:
    """Every stack is deployed, and its last deployment succeeded."""
    parts = ("data", "service") if cloud.state else ("data", "service", "operations")
    wrong = []
    for part in parts:
        status = str(_stack(cloud, part)["StackStatus"])
        if not status.endswith("_COMPLETE") or "ROLLBACK" in status or status.startswith("DELETE"):
            wrong.append(f"{part} is {status}")
    if wrong:
        return _wrong(", ".join(wrong), "read the stack's events, mend the cause, and deploy again")
    return Found(f"{', '.join(parts)} are complete")


def api(cloud: Cloud) -> Found:
    """The health route answers over the public address."""
    url = f"{cloud.api_url}/health"
    # This machine is not reached through a proxy.
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if cloud.state else []))
    started = time.monotonic()
    try:
        with opener.open(url, timeout=HEALTH_SECONDS) as reply:
            document = json.loads(reply.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _wrong(f"GET /health: {error}", "read the log of receive and the API's access log")
    words = f"version {document.get('version')} in {time.monotonic() - started:.1f} s"
    if document.get("stage") != cloud.stage:
        return _wrong(f"stage {document.get('stage')} answers", "deploy this stage again")
    if document.get("version") != __version__:
        return Found(words, f"this command is of version {__version__}; deploy to have the same")
    return Found(words)


def database(cloud: Cloud) -> Found:
    """PostgreSQL answers the function inside the VPC: its login, its routes and its certificate are right."""
    now, started = datetime.now(UTC), time.monotonic()
    asked = {"op": "rates", "start": iso_utc(now - timedelta(hours=1)), "end": iso_utc(now)}
    try:
        cloud.invoke("ReadLedgerFunction", asked, read_timeout=READ_SECONDS)
    except BotoCoreError as error:
        return _wrong(f"read_ledger gave no answer: {error}", _LEDGER_ADVICE)
    except CommandError as error:
        return _wrong(str(error), _LEDGER_ADVICE)
    return Found(f"read_ledger answered in {time.monotonic() - started:.1f} s")


_LEDGER_ADVICE = "read the log of read-ledger; is the database up, and did bootstrap make its roles?"


def last_run(cloud: Cloud) -> Found:
    """The strategy runs as often as its schedule says, and its runs reach the ledger."""
    schedule = _schedules(cloud).get("Strategy", {})
    if cloud.state and schedule.get("State") != "ENABLED":
        return Found("no schedule starts it in a replay", state="not here")
    reply = cloud.invoke("QueryLedgerFunction", {"sql": _LAST_RUN}, read_timeout=READ_SECONDS)
    if not reply.get("ok"):
        return _wrong(str(reply.get("error")), "deploy the current version")
    seconds = reply["rows"][0][0]
    limit = MISSED_RUNS * period_of(str(schedule.get("ScheduleExpression", "")))
    if seconds is None:
        return _wrong("no run yet", f"right after a deployment wait {_ago(limit)}; then: log of run-strategy")
    if seconds > limit.total_seconds():
        return _wrong(
            f"{_ago(timedelta(seconds=seconds))} ago",
            "read the logs of run-strategy and archive-signals; did its schedule start it?",
        )
    return Found(f"{_ago(timedelta(seconds=seconds))} ago")


def sources(cloud: Cloud) -> Found:
    """The fills queue and the table's stream are read."""
    wrong, seen = [], 0
    for output in ("RecordFillsFunction", "ArchiveSignalsFunction"):
        listed = cloud.client("lambda").list_event_source_mappings(FunctionName=cloud.output(output))
        mappings = listed["EventSourceMappings"]
        seen += len(mappings)
        if not mappings:
            wrong.append(f"nothing feeds {output}")
        for each in mappings:
            result = str(each.get("LastProcessingResult", ""))
            if each["State"] != "Enabled" or result.startswith("PROBLEM"):
                wrong.append(f"{output}: {result if each['State'] == 'Enabled' else each['State']}")
    if wrong:
        return _wrong(", ".join(wrong), "enable it, or deploy again; a PROBLEM is in the function's log")
    return Found(f"{seen} are enabled")


def fills(cloud: Cloud) -> Found:
    """Fills do not pile up."""
    waiting = queue_depth(cloud.client("sqs"), cloud.output("FillsQueueUrl"))
    words = f"{waiting} waiting"
    return Found(words) if waiting <= MOST_WAITING else _wrong(words, "docs/operations.md#fills-waiting")


def dead_letters(cloud: Cloud) -> Found:
    """No fill was given up."""
    waiting = queue_depth(cloud.client("sqs"), cloud.output("FillsDlqUrl"))
    words = f"{waiting} waiting"
    return _wrong(words, "docs/operations.md#fills-dead-letters") if waiting else Found(words)


def failed_runs(cloud: Cloud) -> Found:
    """No scheduled run was given up."""
    waiting = queue_depth(cloud.client("sqs"), cloud.output("ScheduleDlqUrl"))
    words = f"{waiting} waiting"
    return _wrong(words, "docs/operations.md#runs-dead-letters") if waiting else Found(words)


def schedules(cloud: Cloud) -> Found:
    """Every schedule is on."""
    found = _schedules(cloud)
    off = sorted(name for name, each in found.items() if each["State"] != "ENABLED")
    if not found:
        return _wrong("there are none", "deploy the current version")
    if off and cloud.state:
        return Found("a replay starts the functions itself", state="not here")
    if off:
        return _wrong(f"off: {', '.join(off)}", "enable them in EventBridge Scheduler, or deploy again")
    return Found(f"{len(found)} are enabled")


def mail(cloud: Cloud) -> Found:
    """SES lets the sender mail the stage's recipients."""
    if cloud.state:
        return Found("the local mailbox takes every mail", state="not here")
    ses = cloud.client("sesv2")
    account = ses.get_account()
    if not account.get("SendingEnabled"):
        return _wrong("SES has paused sending", "see the SES console's account dashboard")
    settings = cloud.client("lambda").get_function_configuration(
        FunctionName=cloud.output("SendReportFunction")
    )["Environment"]["Variables"]
    sender, recipients = (settings[variable_name(name)] for name in ("sender", "recipients"))
    if not _verified(ses, sender):
        return _wrong(
            f"{sender} is not verified", "follow the link that AWS mailed there, or verify its domain"
        )
    if account.get("ProductionAccessEnabled"):
        return Found(f"{sender} is verified, and may mail everybody")
    strangers = [name for name in recipients.split(",") if name and not _verified(ses, name)]
    if strangers:
        return _wrong(
            f"in the sandbox, and not verified: {', '.join(strangers)}",
            "verify them in SES, or ask there for production access",
        )
    return Found(f"{sender} is verified; in the sandbox, and all recipients are verified too")


def alarms(cloud: Cloud) -> Found:
    """No alarm is on, and each would tell its topic."""
    if cloud.state:
        return Found("the emulator has none", state="not here")
    pages = cloud.client("cloudwatch").get_paginator("describe_alarms")
    prefix = f"linkage-{cloud.stage}-"
    found = [
        each
        for page in pages.paginate(AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm"])
        for each in page["MetricAlarms"]
    ]
    if not found:
        return _wrong("there are none", "deploy the operations stack")
    on = [each["AlarmName"].removeprefix(prefix) for each in found if each["StateValue"] == "ALARM"]
    if on:
        return _wrong(f"on: {', '.join(on)}", f"docs/operations.md#{on[0]}")
    mute = [each["AlarmName"].removeprefix(prefix) for each in found if not each["ActionsEnabled"]]
    if mute:
        return _wrong(f"switched off: {', '.join(mute)}", "enable their actions in CloudWatch")
    return Found(f"none of {len(found)} is on")


def alarm_mail(cloud: Cloud) -> Found:
    """Whoever is told of alarms has agreed to be told."""
    if cloud.state:
        return Found("the emulator has no alarms", state="not here")
    outputs = {each["OutputKey"]: each["OutputValue"] for each in _stack(cloud, "operations")["Outputs"]}
    pages = cloud.client("sns").get_paginator("list_subscriptions_by_topic")
    told = [
        each for page in pages.paginate(TopicArn=outputs["AlarmTopicArn"]) for each in page["Subscriptions"]
    ]
    if not told:
        return Found("nobody is told of alarms", "deploy with --alarm-recipients ADDRESS", state="not here")
    waiting = [each["Endpoint"] for each in told if each["SubscriptionArn"] == "PendingConfirmation"]
    if waiting:
        return _wrong(f"not confirmed: {', '.join(waiting)}", "follow the link that AWS mailed there")
    return Found(f"{len(told)} confirmed")


CHECKS: Mapping[str, Callable[[Cloud], Found]] = {
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


def _wrong(words: str, advice: str) -> Found:
    return Found(words, advice, "FAIL")


def _ago(age: timedelta) -> str:
    minutes = int(age.total_seconds()) // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def _stack(cloud: Cloud, part: str) -> Mapping[str, Any]:
    name = f"linkage-{cloud.stage}-{part}"
    try:
        found: Mapping[str, Any] = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            raise CommandError(f"stack {name} does not exist") from None
        raise
    return found


def _schedules(cloud: Cloud) -> Mapping[str, Mapping[str, Any]]:
    """Return the service stack's schedules by the names that the stack gives them, such as ``Strategy``."""
    scheduler = cloud.client("scheduler")
    pages = cloud.client("cloudformation").get_paginator("list_stack_resources")
    return {
        each["LogicalResourceId"].partition("Schedule")[0]: scheduler.get_schedule(
            Name=each["PhysicalResourceId"]
        )
        for page in pages.paginate(StackName=f"linkage-{cloud.stage}-service")
        for each in page["StackResourceSummaries"]
        if each["ResourceType"] == "AWS::Scheduler::Schedule"
    }


def _verified(ses: Any, address: str) -> bool:
    """Tell whether an address, or its whole domain, is an identity that SES has verified."""
    for name in (address, address.split("@")[-1]):
        try:
            if ses.get_email_identity(EmailIdentity=name).get("VerifiedForSendingStatus"):
                return True
        except ClientError as error:
            if error.response["Error"]["Code"] != "NotFoundException":
                raise
    return False
