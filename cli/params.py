"""``linkage params``: the strategy's parameters, what they were, and how to change them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError

from cli.cloud import PROBLEM, Cloud, CommandError, JsonOption, cloud_of
from cli.output import print_json, print_table, say
from functions.sighook.settings import REFERENCE_STRATEGY
from linkage.adapters.aws.ssm_parameters import SsmParameters
from linkage.adapters.dynamodb.state import DynamoStateStore
from linkage.contracts.state import RunState
from linkage.domain.canonical import iso_utc
from linkage.domain.changes import changes_between
from linkage.domain.errors import ConfigurationError
from linkage.domain.snapshots import MAIN_ARM
from linkage.domain.universe import parse_universe
from linkage.strategy.arms import Arm, default_arms, parse_arms
from linkage.strategy.fields import describe_fields, values_by_path
from linkage.strategy.plugin import Strategy, load_strategy

CURRENT = "current"
MAX_DOCUMENT = 4096
"""Bytes of a standard parameter in Parameter Store."""

app = typer.Typer(help="Show, change and compare the strategy's parameters.", no_args_is_help=True)

ArmOption = Annotated[str, typer.Option("--arm", help="Which arm, where there are several.")]


@dataclass(frozen=True, slots=True)
class Stage:
    """What a stage's strategy is and has been told.

    Attributes:
        strategy: what decides there.
        symbols: its universe, as configured; a part of every snapshot.
        document: in Parameter Store now; None when there is none.
        problem: what is wrong with that document.
        arms: in force: the document's, or the last good one's.
    """

    strategy: Strategy[Any]
    symbols: str
    document: str | None
    problem: ConfigurationError | None
    arms: Sequence[Arm]


def stage_of(cloud: Cloud) -> Stage:
    """Return what a stage's strategy is and has been told."""
    environment = _environment(cloud)
    strategy = load_strategy(environment.get("LINKAGE_STRATEGY") or REFERENCE_STRATEGY)
    universe = parse_universe(environment.get("LINKAGE_SYMBOLS") or "*")
    document = SsmParameters(cloud.output("ParametersName"), cloud.client("ssm")).document()
    problem = None
    arms: Sequence[Arm]
    try:
        arms = default_arms(strategy) if document is None else parse_arms(strategy, document)
    except ConfigurationError as error:
        problem, arms = error, _last_good(cloud, strategy)
    return Stage(strategy, str(universe), document, problem, arms)


@app.command()
def show(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show what is in force now. Exit code 1 when the document in Parameter Store is not valid."""
    stage = stage_of(cloud_of(context))
    fields = describe_fields(stage.strategy.parameters)
    arms = {arm.name: values_by_path(_content(stage, arm), fields) for arm in stage.arms}
    if as_json:
        print_json(
            {
                "strategy": stage.strategy.name,
                "code_version": stage.strategy.code_version,
                "symbols": stage.symbols,
                "problem": None if stage.problem is None else str(stage.problem),
                "arms": {
                    arm.name: {
                        "share": str(arm.share),
                        "label": arm.label,
                        "snapshot_id": str(_snapshot_id(stage, arm)),
                        "parameters": arms[arm.name],
                        "overridden": [
                            each.path for each in fields if arms[arm.name][each.path] != each.default
                        ],
                    }
                    for arm in stage.arms
                },
                "fields": [
                    {"path": each.path, "unit": each.unit, "bounds": each.bounds, "default": each.default}
                    for each in fields
                ],
            }
        )
    else:
        rows = [
            (
                each.path,
                *(_marked(arms[arm.name][each.path], each.default) for arm in stage.arms),
                _spelt(each.default),
                each.unit,
                each.bounds,
            )
            for each in fields
        ]
        names = [_title(stage, arm) for arm in stage.arms]
        print_table(
            ("parameter", *names, "default", "unit", "bounds"), rows, title=f"strategy {stage.strategy.name}"
        )
        say("* is not the default.")
    if stage.problem is not None:
        say(f"The document in Parameter Store is not valid, the last good one is in force: {stage.problem}")
        raise typer.Exit(PROBLEM)


@app.command("set")
def set_parameters(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A TOML or JSON document.", exists=True, dir_okay=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and compare only.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check a document, say what it changes, and put it in force from the next run on."""
    cloud = cloud_of(context)
    text = _document(file)
    stage = stage_of(cloud)
    wanted = parse_arms(stage.strategy, text)
    changes = _changes_of_arms(stage, wanted)
    since = next_run(datetime.now(UTC), wanted[0].parameters.interval_seconds)
    # A document that is not valid is replaced even by one that changes nothing of what is in force.
    written = not dry_run and text != stage.document
    if written:
        cloud.client("ssm").put_parameter(
            Name=cloud.output("ParametersName"), Value=text, Type="String", Overwrite=True
        )
    if as_json:
        print_json({"written": written, "changes": changes, "from": iso_utc(since)})
        return
    for words in changes or ["Nothing changes."]:
        typer.echo(words)
    if written:
        say(f"Written; it counts from the run of {iso_utc(since)} on.")


@app.command()
def diff(
    context: typer.Context,
    a: Annotated[
        str, typer.Argument(metavar="A", help="A snapshot (id or its begin, or label), a file, or current.")
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="The other one.")] = CURRENT,
    arm: ArmOption = MAIN_ARM,
    as_json: JsonOption = False,
) -> None:
    """Say in words what changed from one set of parameters to another."""
    cloud = cloud_of(context)
    before, after = (_parameters(cloud, each, arm) for each in (a, b))
    changes = changes_between(before, after)
    if as_json:
        print_json([{"path": one.path, "before": one.before, "after": one.after} for one in changes])
        return
    for one in changes:
        typer.echo(one.words)
    if not changes:
        say("They are the same.")


@app.command()
def history(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="How many at most.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show when which parameters came into force, what they changed, and who wrote the documents."""
    cloud = cloud_of(context)
    activations = _activations(cloud, limit)
    documents = _documents(cloud, limit)
    if as_json:
        print_json({"activations": activations, "documents": documents})
        return
    print_table(
        ("in force from", "until", "strategy / arm", "snapshot", "what changed"),
        [
            (
                each["activated_at"],
                each["deactivated_at"] or "now",
                f"{each['strategy']} / {each['arm']}",
                each["label"] or each["snapshot_id"][:8],
                "\n".join(each["changes"]),
            )
            for each in activations
        ],
    )
    print_table(
        ("document written", "by", "version", "what changed"),
        [(each["at"], each["by"], each["version"], "\n".join(each["changes"])) for each in documents],
    )


def next_run(now: datetime, interval_seconds: int) -> datetime:
    """Return the time of the first run that reads a document written now."""
    elapsed = int(now.timestamp()) % interval_seconds
    return now.replace(microsecond=0) + timedelta(seconds=interval_seconds - elapsed)


def _environment(cloud: Cloud) -> Mapping[str, str]:
    reply = cloud.client("lambda").get_function_configuration(FunctionName=cloud.output("SighookFunction"))
    variables: Mapping[str, str] = reply.get("Environment", {}).get("Variables", {})
    return variables


def _last_good(cloud: Cloud, strategy: Strategy[Any]) -> Sequence[Arm]:
    """Return the arms of the last document that a run found good, as the run itself falls back."""
    text, _ = DynamoStateStore(cloud.output("TableName"), cloud.client("dynamodb")).load(
        strategy.name, MAIN_ARM
    )
    kept = RunState.model_validate_json(text) if text else RunState()
    try:
        return default_arms(strategy) if kept.document is None else parse_arms(strategy, kept.document)
    except ConfigurationError:
        return default_arms(strategy)


def _document(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from None
    if not text.strip():
        raise CommandError(f"{file} is empty; {{}} gives every parameter its default")
    if len(text.encode()) > MAX_DOCUMENT:
        raise CommandError(f"{file} is larger than {MAX_DOCUMENT} bytes, which Parameter Store does not take")
    return text


def _content(stage: Stage, arm: Arm) -> Mapping[str, Any]:
    return stage.strategy.describe(arm.parameters, symbols=stage.symbols)


def _snapshot_id(stage: Stage, arm: Arm) -> object:
    return stage.strategy.snapshot(arm.parameters, symbols=stage.symbols).snapshot_id


def _changes_of_arms(stage: Stage, wanted: Sequence[Arm]) -> list[str]:
    """Return in words what other arms change; the arm is named where there are several."""
    before, after = ({arm.name: arm for arm in arms} for arms in (stage.arms, wanted))
    several = len(before.keys() | after.keys()) > 1
    words: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        place = f"{name}: " if several else ""
        old, new = before.get(name), after.get(name)
        if new is None:
            words.append(f"{place}the arm ends")
            continue
        if old is None:
            words.append(f"{place}a new arm with a share of {new.share}")
            old = before.get(MAIN_ARM, stage.arms[0])
        elif old.share != new.share:
            words.append(f"{place}share {old.share} → {new.share}")
        if old.label != new.label:
            words.append(f"{place}label {old.label or 'none'} → {new.label or 'none'}")
        words += [place + one.words for one in changes_between(_content(stage, old), _content(stage, new))]
    return words


def _parameters(cloud: Cloud, name: str, arm: str) -> Mapping[str, Any]:
    """Return the parameters that a person names: what is in force, a file's, or a snapshot's."""
    if name == CURRENT:
        stage = stage_of(cloud)
        return _content(stage, _arm_named(stage.arms, arm))
    path = Path(name)
    if path.is_file():
        stage = stage_of(cloud)
        return _content(stage, _arm_named(parse_arms(stage.strategy, _document(path)), arm))
    quoted = name.replace("'", "''")
    rows = _query(
        cloud,
        # The statement may only read, whatever is in it.
        "SELECT snapshot_id::text, parameters FROM strategy_snapshots WHERE parameters IS NOT NULL AND"  # noqa: S608
        f" (starts_with(snapshot_id::text, lower('{quoted}')) OR label = '{quoted}')"
        " ORDER BY first_seen_at DESC LIMIT 2",
    )
    if not rows:
        raise CommandError(f"{name!r} is no file, and no snapshot that the ledger has a description of")
    if len(rows) > 1:
        raise CommandError(f"{name!r} stands for several snapshots; give more of the id")
    return _decoded(rows[0]["parameters"])


def _arm_named(arms: Sequence[Arm], name: str) -> Arm:
    found = next((arm for arm in arms if arm.name == name), None)
    if found is None:
        known = ", ".join(arm.name for arm in arms)
        raise CommandError(f"there is no arm {name!r}; the document has {known}")
    return found


def _activations(cloud: Cloud, limit: int) -> list[dict[str, Any]]:
    rows = _query(
        cloud,
        # The one number in it was checked to be one.
        "SELECT a.strategy, a.arm, activated_at, deactivated_at, a.snapshot_id::text, s.label, s.parameters,"  # noqa: S608
        " previous.parameters AS before FROM (SELECT *, lag(snapshot_id) OVER (PARTITION BY strategy, arm"
        " ORDER BY activated_at) AS before_id FROM strategy_activations) a"
        " JOIN strategy_snapshots s USING (snapshot_id)"
        " LEFT JOIN strategy_snapshots previous ON previous.snapshot_id = a.before_id"
        f" ORDER BY activated_at DESC, a.strategy, a.arm LIMIT {limit}",
    )
    for row in rows:
        before, after = row.pop("before"), row.pop("parameters")
        if after is None:
            row["changes"] = ["nobody described it"]
        elif before is None:
            row["changes"] = ["the first one"]
        else:
            changes = changes_between(_decoded(before), _decoded(after))
            row["changes"] = [one.words for one in changes]
    return rows


def _documents(cloud: Cloud, limit: int) -> list[dict[str, Any]]:
    client, name = cloud.client("ssm"), cloud.output("ParametersName")
    versions: list[dict[str, Any]] = []
    request: dict[str, Any] = {"Name": name, "WithDecryption": True, "MaxResults": 50}
    try:
        while True:
            page = client.get_parameter_history(**request)
            versions += page["Parameters"]
            if not page.get("NextToken"):
                break
            request["NextToken"] = page["NextToken"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
    stage = stage_of(cloud)
    told: list[dict[str, Any]] = []
    before: Sequence[Arm] = default_arms(stage.strategy)
    for version in sorted(versions, key=lambda each: int(each["Version"])):
        try:
            arms = parse_arms(stage.strategy, version["Value"])
        except ConfigurationError as error:
            changes = [f"refused: {error}"]
        else:
            known = Stage(stage.strategy, stage.symbols, None, None, before)
            changes, before = _changes_of_arms(known, arms) or ["nothing"], arms
        told.append(
            {
                "version": int(version["Version"]),
                "at": iso_utc(version["LastModifiedDate"]),
                "by": version.get("LastModifiedUser"),
                "changes": changes,
            }
        )
    return told[::-1][:limit]


def _query(cloud: Cloud, statement: str) -> list[dict[str, Any]]:
    reply = cloud.invoke("QueryLedgerFunction", {"sql": statement})
    if not reply["ok"]:
        raise CommandError(f"the ledger did not answer: {reply['error']}")
    return [dict(zip(reply["columns"], row, strict=True)) for row in reply["rows"]]


def _decoded(parameters: str) -> Mapping[str, Any]:
    """Return a snapshot's parameters from the text in which the query function gives ``jsonb``."""
    decoded: Mapping[str, Any] = json.loads(parameters)
    return decoded


def _title(stage: Stage, arm: Arm) -> str:
    name = arm.name if len(stage.arms) == 1 else f"{arm.name} ({arm.share})"
    return f"{name} {arm.label}" if arm.label else name


def _marked(value: object, default: object) -> str:
    return _spelt(value) if value == default else f"{_spelt(value)} *"


def _spelt(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)
