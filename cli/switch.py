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

ByOption = Annotated[str | None, typer.Option("--by", help="Who turned it; the user of this machine else.")]


def switchboard_of(cloud: Cloud) -> DynamoSwitchboard:
    """Return the stage's switches."""
    return DynamoSwitchboard(cloud.output("TableName"), cloud.client("dynamodb"))


def turn(switchboard: DynamoSwitchboard, *, enabled: bool, by: str | None, now: datetime) -> SwitchRecord:
    """Turn linking on or off, and remember when and by whom."""
    record = SwitchRecord(enabled=enabled, changed_at=now, changed_by=by)
    switchboard.turn(record.fact_text(), changed_at=now)
    return record


@app.command()
def off(context: typer.Context, by: ByOption = None, as_json: JsonOption = False) -> None:
    """Make no links until it is on again: what trades meanwhile is `disabled`."""
    _turn(context, enabled=False, by=by, as_json=as_json)


@app.command()
def on(context: typer.Context, by: ByOption = None, as_json: JsonOption = False) -> None:
    """Make links, also those that were not made meanwhile."""
    _turn(context, enabled=True, by=by, as_json=as_json)


@app.command()
def show(context: typer.Context, as_json: JsonOption = False) -> None:
    """Say how it stands."""
    _say(switchboard_of(cloud_of(context)).linking_enabled(), as_json)


def _turn(context: typer.Context, *, enabled: bool, by: str | None, as_json: bool) -> None:
    turn(
        switchboard_of(cloud_of(context)), enabled=enabled, by=by or getpass.getuser(), now=datetime.now(UTC)
    )
    _say(enabled, as_json)


def _say(enabled: bool, as_json: bool) -> None:
    if as_json:
        print_json({"linking_enabled": enabled})
    else:
        typer.echo(f"linking is {'on' if enabled else 'off'}")
