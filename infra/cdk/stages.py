"""The stages, and everything in which they differ.

Every number that an operator may want to change is here. Values that belong to one machine (the local
database, the emulator's address) or to one account (addresses of people) come from CDK context:
``-c name=value``, or a JSON object under ``context`` in cdk.json. ``python -m infra.cdk.stages`` prints the
JSON schema of that object.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from functions.sighook.settings import REFERENCE_STRATEGY
from infra.cdk.stage_names import STAGE_NAMES, StageName
from infra.cdk.strategies import StrategyError, check_strategy
from infra.cdk.values import (
    MailAddress,
    MailAddresses,
    MarketAddress,
    Mode,
    Name,
    Passwords,
    Port,
    Symbols,
    TimeZone,
    read_document,
    unknown_names,
)
from linkage.domain.candle_bucket import CandleBucket, parse_candle_bucket

SendWhen = Literal["always", "activity", "problem"]


class StageError(ValueError):
    """A context value is missing or wrong. The message names it."""


def _without_removed(reports: object) -> object:
    if not isinstance(reports, dict):
        return reports
    return {name: report for name, report in reports.items() if report is not False}


ReportName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,30}$")]


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, coerce_numbers_to_str=True
    )


class Database(_Model):
    """PostgreSQL on RDS."""

    engine_version: str = "17.9"
    """Exact minor version; it changes only by a change of this file."""
    instance_class: str = "db.t4g.micro"
    """RDS instance class."""
    storage_gb: int = 20
    """gp3 storage at the start."""
    max_storage_gb: int = 100
    """It grows by itself up to here."""
    backup_days: int = 1
    """Automatic backups and point-in-time recovery."""
    protected: bool = False
    """Deletion protection, and a final snapshot on removal."""


class LocalCloud(_Model):
    """What exists on this machine instead of AWS."""

    endpoint_url: str = "http://127.0.0.1:4566"
    """The emulator."""
    db_host: str = "localhost"
    """Of PostgreSQL; the name is verified against its certificate."""
    db_port: Port = 5432
    """Of PostgreSQL."""
    db_ca_file: str = "/nonexistent/ca.pem"
    """Absolute path of the authority that signed that certificate."""
    db_passwords: Annotated[Passwords, Field(repr=False)] = {}
    """By login."""

    @field_validator("endpoint_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")


class Schedules(_Model):
    """When things run, in EventBridge Scheduler's syntax, UTC."""

    strategy: str = "cron(0/5 * * * ? *)"
    paper_broker: str = "cron(1/5 * * * ? *)"
    sweep: str = "cron(7/15 * * * ? *)"
    maintain: str = "cron(3/15 * * * ? *)"
    redrive: str = "cron(11/15 * * * ? *)"


class Report(_Model):
    """A report that is mailed on a schedule."""

    # A change of a report names only what changes; a new one needs its schedule and its hours.
    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("required", None))

    schedule: str
    """In EventBridge Scheduler's syntax, UTC."""
    hours: Annotated[int, Field(strict=True, ge=1, le=24 * 366)]
    """Length of its period; whole days begin at midnight of ``report_timezone``."""
    send_when: SendWhen = "always"
    """``activity``: not when nothing happened; ``problem``: only when there is something to do."""
    recipients: MailAddresses = ()
    """Who gets it; the stage's recipients when nobody is named."""
    verdicts: bool = False
    """With what can be said of one parameter set against another."""


REPORTS: Mapping[str, Report] = {
    "linkage": Report(schedule="cron(0 0/6 * * ? *)", hours=6),
    "daily": Report(schedule="cron(20 6 * * ? *)", hours=24),
    "weekly": Report(schedule="cron(40 6 ? * MON *)", hours=168, verdicts=True),
}


class FillsSource(_Model):
    """How the recorder reads the fills queue."""

    batch_size: int = 50
    """Messages per invocation at most; one message holds up to 100 events."""
    window_seconds: int = 1
    """How long Lambda waits to fill a batch."""
    timeout_seconds: int = 60
    """Of ``record_fills``."""
    max_concurrency: int = 4
    """Invocations at a time; a new account has ten for everything."""

    @property
    def visibility_seconds(self) -> int:
        """Long enough that no message is redelivered while it is still being processed."""
        return 6 * self.timeout_seconds + self.window_seconds


class Alarms(_Model):
    """Thresholds."""

    linkage_rate_percent: float = 90
    """Linkage of expected orders; measured from twenty orders on."""
    unarchived_seconds: int = 3600
    """Age of the oldest hot item that PostgreSQL does not have."""
    fills_age_seconds: int = 900
    """Age of the oldest fill in the queue."""
    turned_away: int = 50
    """Requests answered 4xx (429 among them) in five minutes."""


class Choices(_Model):
    """What an operator chooses for a stage, by context."""

    strategy: str = REFERENCE_STRATEGY
    """Import path of the strategy, ``package.module:OBJECT``; its package goes into the zip."""
    market: MarketAddress = "simulation:1"
    """What the strategy trades on. Whoever reads a bucket's candles gets the right to."""
    symbols: Symbols = "*"
    """What it trades, as in sighook's settings."""
    max_suppressed_per_run: Annotated[int, Field(ge=0)] = 50
    """How many signals that a guardrail held back one run publishes; 0 for none."""
    venue: Name = "paper"
    """Of the first-party bot."""
    account: Name = "paper"
    """Of the first-party bot."""
    mode: Mode = "paper"
    """Of the first-party bot."""
    broker: bool = True
    """Whether the paper broker executes our signals."""
    broker_seed: int = 1
    """Makes its fills repeatable."""
    replay: bool = False
    """Runs may be late, and no schedule is enabled: a replay invokes what they would."""
    sender: MailAddress = "linkage@example.com"
    """Address that reports come from."""
    import_sender: bool = False
    """The SES identity of ``sender`` exists already (an address, or its domain)."""
    mail_sandbox: bool = True
    """SES checks permission on the recipients' identities too."""
    recipients: Annotated[MailAddresses, Field(validate_default=True)] = ()
    """Who gets reports; the sender when nobody else is named."""
    reports: Annotated[
        dict[ReportName, Report],
        BeforeValidator(_without_removed, json_schema_input_type=dict[ReportName, Report | Literal[False]]),
        Field(min_length=1),
    ] = dict(REPORTS)
    """Which reports are mailed when, by name; false leaves one out."""
    report_timezone: TimeZone = "UTC"
    """IANA zone of the times in the mail."""
    account_concurrency: Annotated[int, Field(ge=10)] = 10
    """Lambda executions at a time that this stage can count on; a new account has ten for everything. The API
    is throttled so that half of them are enough for it."""
    request_ms: Annotated[int, Field(ge=1)] = 100
    """How long one request to the API is assumed to take."""
    alarm_recipients: MailAddresses = ()
    """Who is mailed by alarms."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Of all functions."""

    @field_validator("recipients")
    @classmethod
    def _sender_without_recipients(cls, value: tuple[str, ...], info: Any) -> tuple[str, ...]:
        return value or (info.data.get("sender", ""),)


class Stage(Choices):
    """One deployment."""

    name: StageName
    """Part of every stack's and function's name."""
    database: Database | None = Database()
    """PostgreSQL on RDS; None where it runs on this machine."""
    local: LocalCloud | None = None
    """What exists on this machine instead of AWS."""
    schedules: Schedules = Schedules()
    """When things run."""
    fills: FillsSource = FillsSource()
    """How the recorder reads the fills queue."""
    alarms: Alarms = Alarms()
    """Thresholds."""
    log_days: int = 14
    """Retention of every log group."""
    table_protected: bool = False
    """The table outlives its stack and cannot be deleted by mistake."""
    host_bundles: bool = False
    """Zips hold this machine's wheels instead of Lambda's."""

    @property
    def candle_bucket(self) -> CandleBucket | None:
        """The bucket that candles come from, if they do."""
        return parse_candle_bucket(self.market) if self.market.startswith("s3:") else None

    @property
    def report_hours(self) -> int:
        """Hours without any report after which one is missing: an hour more than the shortest period."""
        # CloudWatch looks back a week at most.
        return min(min(report.hours for report in self.reports.values()) + 1, 24 * 7)

    @property
    def all_recipients(self) -> tuple[str, ...]:
        """Everybody who gets some report, each once."""
        own = [address for report in self.reports.values() for address in report.recipients]
        return tuple(dict.fromkeys([*self.recipients, *own]))

    def stack_name(self, part: Literal["data", "service", "operations"]) -> str:
        """Return the name, and construct id, of one of the three stacks."""
        return f"linkage-{self.name}-{part}"

    def function_name(self, entry_point: str) -> str:
        """Return the name of the function with this entry point (``record_fills``)."""
        return f"linkage-{self.name}-{entry_point.replace('_', '-')}"


class Context(Choices, LocalCloud):
    """Context that chooses a stage and says what is different in it.

    The endpoint and the database are for stage local only.
    """

    # CDK keeps its own values beside ours.
    model_config = ConfigDict(extra="ignore")

    stage: StageName = "dev"
    """Which stage."""


CONTEXT_NAMES = tuple(Context.model_fields)

_STAGES: dict[StageName, Stage] = {
    "local": Stage(
        name="local",
        database=None,
        local=LocalCloud(),
        # Nobody waits six minutes on their own machine until a message is redelivered.
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
        # Six hours are for trying out: whoever trades gets that mail when there is something to do.
        reports={**REPORTS, "linkage": REPORTS["linkage"].model_copy(update={"send_when": "problem"})},
        log_days=90,
        table_protected=True,
    ),
}


def load_stage(context: Callable[[str], object]) -> Stage:
    """Return the stage that the context chooses, with the context's own values in it.

    Args:
        context: returns a context value by name, or None; ``app.node.try_get_context``.

    Raises:
        StageError: an unknown stage, or a value that cannot be read; names it.
    """
    name = context("stage") or "dev"
    default = next((stage for stage in _STAGES.values() if stage.name == name), None)
    if default is None:
        raise StageError(f"stage {name!r} is none of {', '.join(STAGE_NAMES)}")
    chosen = _given(Choices, context)
    local = _given(LocalCloud, context)
    if local and default.local is None:
        raise StageError(f"only stage local takes {', '.join(sorted(local))}")
    try:
        if "reports" in chosen:
            chosen["reports"] = _changed_reports(default.reports, chosen["reports"])
        values = default.model_dump(exclude={"recipients"}) | chosen
        if default.local is not None:
            values["local"] = LocalCloud.model_validate(default.local.model_dump() | local)
        stage = Stage.model_validate(values)
    except ValidationError as error:
        raise StageError(_message(error.errors()[0])) from None
    if stage.strategy != REFERENCE_STRATEGY:
        try:
            check_strategy(stage.strategy)
        except StrategyError as error:
            raise StageError(f"stage {stage.name}: {error}") from None
    return stage


def check_context_names(given: Iterable[str]) -> None:
    """Check that all of an app's context is understood; ``app.node.get_all_context``.

    Raises:
        StageError: a name is neither one of ours nor the CDK's; says which one may be meant.
    """
    if unknown := unknown_names(given, CONTEXT_NAMES):
        raise StageError(unknown[0])


def _given(model: type[_Model], context: Callable[[str], object]) -> dict[str, Any]:
    values = {name: context(name) for name in model.model_fields}
    return {name: value for name, value in values.items() if value is not None}


def _changed_reports(default: Mapping[str, Report], given: object) -> dict[str, Any]:
    """Return the reports with what context changes; what is wrong in it is left to the model."""
    try:
        changes = read_document(given)
    except ValueError as error:
        raise StageError(f"context reports: {error}") from None
    reports: dict[str, Any] = {name: report.model_dump() for name, report in default.items()}
    for name, change in changes.items():
        reports[name] = reports.get(name, {}) | change if isinstance(change, dict) else change
    return reports


def _message(error: ErrorDetails) -> str:
    """Return a message that names the value by its path. It shows what was given, unless that is secret."""
    path = ".".join(str(part) for part in error["loc"])
    message = f"context {path}: {error['msg'].removeprefix('Value error, ')}"
    given = error["input"]
    if error["type"] == "value_error" or not isinstance(given, str | int | float):
        return message
    if error["loc"][0] == "db_passwords":
        return message
    return f"{message} (given: {given!r})"


if __name__ == "__main__":
    json.dump(Context.model_json_schema(), sys.stdout, indent=2)
