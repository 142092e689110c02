"""`linkage deploy` and `linkage destroy`: a stage in your AWS account, by the pinned CDK CLI."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import Annotated

import typer

from cli.cloud import CommandError, Options
from local.deploy import cdk_command, tool_path
from local.state import ROOT

DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the commands; run nothing.")]


def deploy(
    context: typer.Context,
    sender: Annotated[str | None, typer.Option(help="Sender address of the reports.")] = None,
    recipients: Annotated[
        str | None, typer.Option(help="Recipients of the reports, comma-separated.")
    ] = None,
    alarm_recipients: Annotated[
        str | None, typer.Option(help="Recipients of CloudWatch alarms, comma-separated.")
    ] = None,
    market: Annotated[str | None, typer.Option(help="Market data, e.g. ccxt:coinbase.")] = None,
    symbols: Annotated[
        str | None, typer.Option(help="Symbols that the strategy trades: comma-separated BASE-QUOTE, or *.")
    ] = None,
    bootstrap: Annotated[bool, typer.Option(help="Prepare the account for CDK first (once).")] = False,
    dry_run: DryRun = False,
) -> None:
    """Deploy a stage to AWS, or bring it up to date."""
    given = {
        "sender": sender,
        "recipients": recipients,
        "alarm_recipients": alarm_recipients,
        "market": market,
        "symbols": symbols,
    }
    flags = _flags(context, {name: value for name, value in given.items() if value is not None})
    if bootstrap:
        _run(context, ["bootstrap", *flags], dry_run)
    _run(context, ["deploy", "--all", "--require-approval", "broadening", *flags], dry_run)


def destroy(context: typer.Context, dry_run: DryRun = False) -> None:
    """Remove a stage from AWS. Stage prod keeps its database and its table until you delete them."""
    _run(context, ["destroy", "--all", *_flags(context, {})], dry_run)


def _flags(context: typer.Context, values: dict[str, str]) -> list[str]:
    options = context.ensure_object(Options)
    stage = options.stage or "dev"
    if stage == "local":
        raise CommandError("stage local lives on this machine; use: linkage local up, linkage local down")
    flags = [part for name, value in {"stage": stage, **values}.items() for part in ("-c", f"{name}={value}")]
    return [*flags, "--profile", options.profile] if options.profile else flags


def _run(context: typer.Context, arguments: list[str], dry_run: bool) -> None:
    region = context.ensure_object(Options).region
    chosen = {} if region is None else {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    if dry_run:
        prefix = "" if region is None else f"AWS_REGION={region} "
        typer.echo(f"{prefix}cdk {shlex.join(arguments)}")
        return
    done = subprocess.run(
        cdk_command(*arguments), cwd=ROOT, env={**os.environ, "PATH": tool_path(), **chosen}, check=False
    )
    if done.returncode != 0:
        raise CommandError(f"cdk {arguments[0]} ended with exit code {done.returncode}")
