"""The stages, and everything in which they differ.

Every number that an operator may want to change is here. Values that belong to one machine (the local
database, the emulator's address) or to one account (addresses of people) come from CDK context:
``-c name=value``, or a JSON object under ``context`` in cdk.json.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from functions.sighook.settings import REFERENCE_STRATEGY
from infra.cdk.strategies import StrategyError, check_strategy
from linkage.domain.candle_bucket import CandleBucket, parse_candle_bucket
from linkage.domain.errors import ConfigurationError

StageName = Literal["local", "dev", "prod"]
STAGE_NAMES: tuple[StageName, ...] = ("local", "dev", "prod")


class StageError(ValueError):
    """A context value is missing or wrong. The message names it."""


@dataclass(frozen=True, slots=True)
class Database:
    """PostgreSQL on RDS.

    Attributes:
        engine_version: exact minor version; it changes only by a change of this file.
        instance_class: RDS instance class.
        storage_gb: gp3 storage at the start.
        max_storage_gb: it grows by itself up to here.
        backup_days: automatic backups and point-in-time recovery.
        protected: deletion protection, and a final snapshot on removal.
    """

    engine_version: str = "17.9"
    instance_class: str = "db.t4g.micro"
    storage_gb: int = 20
    max_storage_gb: int = 100
    backup_days: int = 1
    protected: bool = False


@dataclass(frozen=True, slots=True)
class LocalCloud:
    """What exists on this machine instead of AWS.

    Attributes:
        endpoint_url: the emulator.
        db_host, db_port: PostgreSQL; the name is verified against its certificate.
        db_ca_file: absolute path of the authority that signed that certificate.
        db_passwords: by login.
    """

    endpoint_url: str = "http://127.0.0.1:4566"
    db_host: str = "localhost"
    db_port: int = 5432
    db_ca_file: str = "/nonexistent/ca.pem"
    db_passwords: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Schedules:
    """When things run, in EventBridge Scheduler's syntax, UTC."""

    strategy: str = "cron(0/5 * * * ? *)"
    paper_broker: str = "cron(1/5 * * * ? *)"
    sweep: str = "cron(7/15 * * * ? *)"
    maintain: str = "cron(3/15 * * * ? *)"
    redrive: str = "cron(11/15 * * * ? *)"


SendWhen = Literal["always", "activity", "problem"]


@dataclass(frozen=True, slots=True)
class Report:
    """A report that is mailed by the clock.

    Attributes:
        schedule: in EventBridge Scheduler's syntax, UTC.
        hours: length of its period; whole days begin at midnight of ``report_timezone``.
        send_when: ``always``, ``activity`` (not when nothing happened) or ``problem`` (only when there is
            something to do or to look at).
        recipients: who gets it; the stage's when nobody is named.
        verdicts: with what can be said of one parameter set against another.
    """

    schedule: str
    hours: int
    send_when: SendWhen = "always"
    recipients: tuple[str, ...] = ()
    verdicts: bool = False


DAILY = Report("cron(20 6 * * ? *)", 24)
WEEKLY = Report("cron(40 6 ? * MON *)", 168, verdicts=True)
REPORTS: Mapping[str, Report] = {
    "linkage": Report("cron(0 0/6 * * ? *)", 6),
    "daily": DAILY,
    "weekly": WEEKLY,
}


@dataclass(frozen=True, slots=True)
class FillsSource:
    """How the recorder reads the fills queue.

    Attributes:
        batch_size: messages per invocation at most; one message holds up to 100 events.
        window_seconds: how long Lambda waits to fill a batch.
        timeout_seconds: of ``record_fills``.
        max_concurrency: invocations at a time; a new account has ten for everything.
    """

    batch_size: int = 50
    window_seconds: int = 1
    timeout_seconds: int = 60
    max_concurrency: int = 4

    @property
    def visibility_seconds(self) -> int:
        """Long enough that no message comes again while it is still being worked on."""
        return 6 * self.timeout_seconds + self.window_seconds


@dataclass(frozen=True, slots=True)
class Alarms:
    """Thresholds.

    Attributes:
        linkage_rate_percent: linkage of expected orders; measured from twenty orders on.
        unarchived_seconds: age of the oldest hot item that PostgreSQL does not have.
        fills_age_seconds: age of the oldest fill in the queue.
        turned_away: requests answered 4xx (429 among them) in five minutes.
    """

    linkage_rate_percent: float = 90
    unarchived_seconds: int = 3600
    fills_age_seconds: int = 900
    turned_away: int = 50


@dataclass(frozen=True, slots=True)
class Stage:
    """One deployment.

    Attributes:
        name: part of every stack's and function's name.
        strategy: import path of the strategy, ``package.module:OBJECT``; its package goes into the zip.
        market, symbols: what the strategy trades, as in sighook's settings. Whoever reads a bucket's candles
            gets the right to.
        max_suppressed_per_run: how many signals that a guardrail held back one run publishes; 0 for none.
        venue, account, mode: of the first-party bot.
        broker: whether the paper broker executes our signals.
        broker_seed: makes its fills repeatable.
        replay: runs may be late, and nothing runs by the clock: a replay drives the schedules.
        sender: address that reports come from.
        import_sender: the SES identity of ``sender`` exists already (an address, or its domain).
        mail_sandbox: SES checks permission on the recipients' identities too.
        recipients: who gets reports; the sender when nobody else is named.
        reports: which reports are mailed when, by name.
        report_timezone: IANA zone of the times in the mail.
        alarm_recipients: who is mailed by alarms.
        api_rate, api_burst: requests per second that the API lets through, sized so that a service
            that never repeats an alert is not turned away.
        log_days: retention of every log group.
        table_protected: the table outlives its stack and cannot be deleted by mistake.
        host_bundles: zips hold this machine's wheels instead of Lambda's.
        log_level: of all functions.
    """

    name: StageName
    database: Database | None = field(default_factory=Database)
    local: LocalCloud | None = None
    schedules: Schedules = field(default_factory=Schedules)
    fills: FillsSource = field(default_factory=FillsSource)
    alarms: Alarms = field(default_factory=Alarms)
    strategy: str = REFERENCE_STRATEGY
    market: str = "simulation:1"
    symbols: str = "*"
    max_suppressed_per_run: int = 50
    venue: str = "paper"
    account: str = "paper"
    mode: str = "paper"
    broker: bool = True
    broker_seed: int = 1
    replay: bool = False
    sender: str = "linkage@example.com"
    import_sender: bool = False
    mail_sandbox: bool = True
    recipients: tuple[str, ...] = ()
    reports: Mapping[str, Report] = field(default_factory=lambda: REPORTS)
    report_timezone: str = "UTC"
    alarm_recipients: tuple[str, ...] = ()
    api_rate: int = 50
    api_burst: int = 100
    log_days: int = 14
    table_protected: bool = False
    host_bundles: bool = False
    log_level: str = "INFO"

    @property
    def on_exchange(self) -> bool:
        """Tell whether candles come from an exchange."""
        return self.market.startswith("ccxt:")

    @property
    def on_files(self) -> bool:
        """Tell whether candles come from files, of a folder or a bucket."""
        return self.market.startswith("files:") or self.candle_bucket is not None

    @property
    def candle_bucket(self) -> CandleBucket | None:
        """The bucket that candles come from, if they do.

        Raises:
            ConfigurationError: the market is in S3, but its address is wrong.
        """
        return parse_candle_bucket(self.market) if self.market.startswith("s3:") else None

    @property
    def report_hours(self) -> int:
        """Hours without any report after which one is missing: an hour more than the shortest period."""
        # CloudWatch looks back a week at most.
        return min(min(each.hours for each in self.reports.values()) + 1, 24 * 7)

    @property
    def all_recipients(self) -> tuple[str, ...]:
        """Everybody who gets some report, each once."""
        own = [address for each in self.reports.values() for address in each.recipients]
        return tuple(dict.fromkeys([*self.recipients, *own]))

    def stack_name(self, part: Literal["data", "service", "operations"]) -> str:
        """Return the name, and construct id, of one of the three stacks."""
        return f"linkage-{self.name}-{part}"

    def function_name(self, entry_point: str) -> str:
        """Return the name of the function with this entry point (``record_fills``)."""
        return f"linkage-{self.name}-{entry_point.replace('_', '-')}"


_STAGES: dict[StageName, Stage] = {
    "local": Stage(
        name="local",
        database=None,
        local=LocalCloud(),
        # Nobody waits six minutes on his own machine for a message to come again.
        fills=FillsSource(window_seconds=0, timeout_seconds=20),
        host_bundles=True,
        log_days=1,
    ),
    "dev": Stage(name="dev"),
    "prod": Stage(
        name="prod",
        database=Database(backup_days=14, protected=True),
        broker=False,
        mail_sandbox=False,
        # Six hours are for trying out: who trades hears of them when there is something to do.
        reports={**REPORTS, "linkage": replace(REPORTS["linkage"], send_when="problem")},
        log_days=90,
        table_protected=True,
    ),
}


def _text(value: object) -> str:
    return str(value)


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    known = {"true": True, "false": False}
    try:
        return known[str(value).lower()]
    except KeyError:
        raise StageError(f"{value!r} is neither true nor false") from None


def _addresses(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else str(value).split(",")
    return tuple(str(item).strip() for item in items if str(item).strip())


def _passwords(value: object) -> Mapping[str, str]:
    document = value if isinstance(value, dict) else json.loads(str(value))
    return {str(login): str(password) for login, password in document.items()}


def _with_reports(stage: Stage, given: object) -> Stage:
    """Return a stage with what ``-c reports=…`` changes: an object by name; false leaves a report out.

    Raises:
        StageError: an unknown field, a wrong value, or nothing left.
    """
    try:
        document = given if isinstance(given, dict) else json.loads(str(given))
    except ValueError:
        raise StageError("context reports: not a JSON object") from None
    if not isinstance(document, dict):
        raise StageError("context reports: not a JSON object")
    reports = dict(stage.reports)
    for name, changes in document.items():
        if not _REPORT_NAME.fullmatch(name):
            raise StageError(f"context reports: {name!r} is not a name of lower-case letters and digits")
        if changes is False:
            reports.pop(name, None)
            continue
        reports[name] = _changed_report(name, reports.get(name), changes)
    if not reports:
        raise StageError("context reports: at least one report has to be left")
    return replace(stage, reports=reports)


_REPORT_NAME = re.compile(r"[a-z][a-z0-9]{0,30}")


def _changed_report(name: str, before: Report | None, changes: object) -> Report:
    if not isinstance(changes, dict) or (before is None and not {"schedule", "hours"} <= changes.keys()):
        raise StageError(f"context reports: {name} needs a schedule and hours")
    unknown = changes.keys() - {"schedule", "hours", "send_when", "recipients", "verdicts"}
    if unknown:
        raise StageError(f"context reports: {name} has no {', '.join(sorted(unknown))}")
    values = dict(changes)
    if "recipients" in values:
        values["recipients"] = _addresses(values["recipients"])
    if "verdicts" in values:
        values["verdicts"] = _flag(values["verdicts"])
    hours = values.get("hours", 1)
    if type(hours) is not int or not 1 <= hours <= 24 * 366:
        raise StageError(f"context reports: {name}: hours is no number of hours from 1 to a year")
    if values.get("send_when", "always") not in get_args(SendWhen):
        raise StageError(f"context reports: {name}: send_when is none of {', '.join(get_args(SendWhen))}")
    if before is None:
        return Report(**values)
    return replace(before, **values)


# Context that any stage takes.
_OVERRIDES: dict[str, Callable[[object], object]] = {
    "strategy": _text,
    "market": _text,
    "symbols": _text,
    "max_suppressed_per_run": lambda value: int(str(value)),
    "venue": _text,
    "account": _text,
    "mode": _text,
    "broker": _flag,
    "broker_seed": lambda value: int(str(value)),
    "replay": _flag,
    "sender": _text,
    "import_sender": _flag,
    "mail_sandbox": _flag,
    "recipients": _addresses,
    "report_timezone": _text,
    "alarm_recipients": _addresses,
    "log_level": _text,
}

# Context that only the local stage takes.
_LOCAL_OVERRIDES: dict[str, Callable[[object], object]] = {
    "endpoint_url": lambda value: str(value).rstrip("/"),
    "db_host": _text,
    "db_port": lambda value: int(str(value)),
    "db_ca_file": _text,
    "db_passwords": _passwords,
}

CONTEXT_NAMES = ("stage", "reports", *_OVERRIDES, *_LOCAL_OVERRIDES)


def load_stage(context: Callable[[str], object]) -> Stage:
    """Return the stage that the context chooses, with the context's own values in it.

    Args:
        context: returns a context value by name, or None; ``app.node.try_get_context``.

    Raises:
        StageError: an unknown stage, or a value that cannot be read; names it.
    """
    name = context("stage") or "dev"
    stage = next((each for each in _STAGES.values() if each.name == name), None)
    if stage is None:
        raise StageError(f"stage {name!r} is none of {', '.join(STAGE_NAMES)}")
    stage = replace(stage, **_read(_OVERRIDES, context))  # type: ignore[arg-type] # types checked by _read
    if (reports := context("reports")) is not None:
        stage = _with_reports(stage, reports)
    if stage.strategy != REFERENCE_STRATEGY:
        try:
            check_strategy(stage.strategy)
        except StrategyError as error:
            raise StageError(f"stage {stage.name}: {error}") from None
    try:
        _ = stage.candle_bucket
    except ConfigurationError as error:
        raise StageError(f"context market: {error}") from None
    if not stage.recipients:
        stage = replace(stage, recipients=(stage.sender,))
    local = _read(_LOCAL_OVERRIDES, context)
    if stage.local is not None:
        return replace(stage, local=replace(stage.local, **local))  # type: ignore[arg-type]
    if local:
        raise StageError(f"only stage local takes {', '.join(sorted(local))}")
    return stage


def _read(
    readers: Mapping[str, Callable[[object], object]], context: Callable[[str], object]
) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, reader in readers.items():
        given = context(name)
        if given is None:
            continue
        try:
            values[name] = reader(given)
        except (ValueError, AttributeError) as error:
            raise StageError(f"context {name}: {error}") from None
    return values
