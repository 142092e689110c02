"""``linkage params``: the strategy's parameters, their history, and changing them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from cli.cloud import PROBLEM, JsonOption, cloud_of
from cli.output import print_json, print_table, say
from cli.parameter_history import read_activations, read_documents
from cli.stage_parameters import (
    CURRENT,
    Stage,
    changes_of_arms,
    content_of,
    parameters_named,
    read_document,
    snapshot_id_of,
    stage_of,
)
from linkage.domain.canonical import iso_utc
from linkage.domain.changes import changes_between
from linkage.domain.snapshots import MAIN_ARM
from linkage.strategy.arms import Arm, parse_arms
from linkage.strategy.fields import describe_fields, values_by_path

app = typer.Typer(help="Show, change and compare the strategy's parameters.", no_args_is_help=True)

ArmOption = Annotated[str, typer.Option("--arm", help="Arm, where there are several.")]


@app.command()
def show(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show what is in force now. Exit code 1 when the document in Parameter Store is not valid."""
    stage = stage_of(cloud_of(context))
    fields = describe_fields(stage.strategy.parameters)
    arms = {arm.name: values_by_path(content_of(stage, arm), fields) for arm in stage.arms}
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
                        "snapshot_id": str(snapshot_id_of(stage, arm)),
                        "parameters": arms[arm.name],
                        "overridden": [
                            field.path for field in fields if arms[arm.name][field.path] != field.default
                        ],
                    }
                    for arm in stage.arms
                },
                "fields": [
                    {"path": field.path, "unit": field.unit, "bounds": field.bounds, "default": field.default}
                    for field in fields
                ],
            }
        )
    else:
        rows = [
            (
                field.path,
                *(_marked(arms[arm.name][field.path], field.default) for arm in stage.arms),
                _formatted(field.default),
                field.unit,
                field.bounds,
            )
            for field in fields
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
    file: Annotated[Path, typer.Argument(help="TOML or JSON document.", exists=True, dir_okay=False)],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and compare only; write nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check a document, show what it changes, and put it in force from the next run on."""
    cloud = cloud_of(context)
    text = read_document(file)
    stage = stage_of(cloud)
    wanted = parse_arms(stage.strategy, text)
    changes = changes_of_arms(stage, wanted)
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
    for change in changes or ["Nothing changes."]:
        typer.echo(change)
    if written:
        say(f"Written; it counts from the run of {iso_utc(since)} on.")


@app.command()
def diff(
    context: typer.Context,
    a: Annotated[
        str, typer.Argument(metavar="A", help="Snapshot (id, start of an id, or label), file, or current.")
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="The set to compare it with.")] = CURRENT,
    arm: ArmOption = MAIN_ARM,
    as_json: JsonOption = False,
) -> None:
    """Show what changed from one set of parameters to another."""
    cloud = cloud_of(context)
    before, after = (parameters_named(cloud, name, arm) for name in (a, b))
    changes = changes_between(before, after)
    if as_json:
        print_json(
            [{"path": change.path, "before": change.before, "after": change.after} for change in changes]
        )
        return
    for change in changes:
        typer.echo(change.text)
    if not changes:
        say("They are the same.")


@app.command()
def history(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="Maximum number of rows.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show when which parameters came into force, what they changed, and who wrote the documents."""
    cloud = cloud_of(context)
    activations = read_activations(cloud, limit)
    documents = read_documents(cloud, limit)
    if as_json:
        print_json({"activations": activations, "documents": documents})
        return
    print_table(
        ("in force from", "until", "strategy / arm", "snapshot", "what changed"),
        [
            (
                activation["activated_at"],
                activation["deactivated_at"] or "now",
                f"{activation['strategy']} / {activation['arm']}",
                activation["label"] or activation["snapshot_id"][:8],
                "\n".join(activation["changes"]),
            )
            for activation in activations
        ],
    )
    print_table(
        ("document written", "by", "version", "what changed"),
        [
            (document["at"], document["by"], document["version"], "\n".join(document["changes"]))
            for document in documents
        ],
    )


def next_run(now: datetime, interval_seconds: int) -> datetime:
    """Return the time of the first run that reads a document written now."""
    elapsed = int(now.timestamp()) % interval_seconds
    return now.replace(microsecond=0) + timedelta(seconds=interval_seconds - elapsed)


def _title(stage: Stage, arm: Arm) -> str:
    name = arm.name if len(stage.arms) == 1 else f"{arm.name} ({arm.share})"
    return f"{name} {arm.label}" if arm.label else name


def _marked(value: object, default: object) -> str:
    return _formatted(value) if value == default else f"{_formatted(value)} *"


def _formatted(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {member}" for name, member in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)
