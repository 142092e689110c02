"""``linkage switch``: turn linking off and on, without a deployment."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.cloud import Cloud, JsonOption, cloud_of
from cli.output import print_json
from linkage.adapters.dynamodb.signals import DynamoSwitchboard
from linkage.contracts.signals import SwitchRecord

app = typer.Typer(help="Turn linking off and on; trades are recorded all the same.", no_args_is_help=True)

ByOption = Annotated[
    str | None, typer.Option("--by", help="Operator to record. Default: the user of this machine.")
]


def switchboard_of(cloud: Cloud) -> DynamoSwitchboard:
    """Return the stage's switches."""
    return DynamoSwitchboard(cloud.output("TableName"), cloud.client("dynamodb"))


def turn(switchboard: DynamoSwitchboard, *, enabled: bool, by: str | None, now: datetime) -> SwitchRecord:
    """Turn linking on or off, and record when and by whom."""
    record = SwitchRecord(enabled=enabled, changed_at=now, changed_by=by)
    switchboard.turn(record.fact_text(), changed_at=now)
    return record


@app.command()
def off(context: typer.Context, by: ByOption = None, as_json: JsonOption = False) -> None:
    """Turn linking off: orders executed meanwhile are `disabled`."""
    _turn(context, enabled=False, by=by, as_json=as_json)


@app.command()
def on(context: typer.Context, by: ByOption = None, as_json: JsonOption = False) -> None:
    """Turn linking on; links that were not made meanwhile follow."""
    _turn(context, enabled=True, by=by, as_json=as_json)


@app.command()
def show(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show whether linking is on."""
    _print(switchboard_of(cloud_of(context)).linking_enabled(), as_json)


def _turn(context: typer.Context, *, enabled: bool, by: str | None, as_json: bool) -> None:
    turn(
        switchboard_of(cloud_of(context)), enabled=enabled, by=by or getpass.getuser(), now=datetime.now(UTC)
    )
    _print(enabled, as_json)


def _print(enabled: bool, as_json: bool) -> None:
    if as_json:
        print_json({"linking_enabled": enabled})
    else:
        typer.echo(f"linking is {'on' if enabled else 'off'}")
