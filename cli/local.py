"""`linkage local`: the whole product on this machine."""

from __future__ import annotations

import time
import webbrowser
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.cloud import PROBLEM, Cloud, CommandError, JsonOption
from cli.output import print_json, print_table, say
from local.cloud import LocalCloud, healthy, is_up, stop
from local.deploy import StageOptions
from local.mailbox import read_mailbox
from local.state import ROOT, LocalState, local_directory

app = typer.Typer(help="Run the whole product on this machine, without AWS.", no_args_is_help=True)

DEFAULTS = StageOptions()
_FOLLOW_SECONDS = 0.5
_FUNCTION = "/aws/lambda/linkage-local-"


@app.command()
def up(
    market: Annotated[
        str, typer.Option(help="Market data: simulation:SEED, files:FOLDER or ccxt:EXCHANGE.")
    ] = DEFAULTS.market,
    recipient: Annotated[
        list[str] | None, typer.Option(help="Recipient of the scheduled report; repeatable.")
    ] = None,
    broker: Annotated[bool, typer.Option(help="Execute signals with the paper broker.")] = True,
    port: Annotated[int | None, typer.Option(help="Port of the API. Default: a free one.")] = None,
    source: Annotated[Path, typer.Option(help="Checkout to deploy.", show_default="this one")] = ROOT,
    as_json: JsonOption = False,
) -> None:
    """Start the local cloud and deploy; when it is up, deploy the current code."""
    options = StageOptions(
        market=_absolute(market),
        recipients=tuple(recipient) if recipient else DEFAULTS.recipients,
        broker=broker,
    )
    folder = local_directory()
    if is_up(folder):
        cloud = LocalCloud.attach(folder, progress=say)
        cloud.deploy(options, source=source.resolve())
    else:
        cloud = LocalCloud.up(folder, options=options, source=source.resolve(), port=port, progress=say)
        cloud.detach()
    if as_json:
        print_json(_visible(cloud.state))
        return
    say(f"up after {cloud.state.deploy_seconds:.0f} s of deployment; stop it with: linkage local down")
    say(f"API  {cloud.state.api_url}")
    say(f"AWS  {cloud.state.endpoint_url}")


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Show whether the local cloud is up and healthy. Exit code 1 if not."""
    folder = local_directory()
    state = LocalState.load(folder)
    running = state is not None and is_up(folder)
    is_healthy = running and state is not None and healthy(state)
    if as_json:
        print_json({"up": running, "healthy": is_healthy, **(_visible(state) if state and running else {})})
    elif state is None or not running:
        say("down; start it with: linkage local up")
    else:
        rows = [
            ("API", f"{state.api_url} ({'healthy' if is_healthy else 'no answer'})"),
            ("AWS endpoint", f"{state.endpoint_url} (TLS, authority {state.ca_file})"),
            ("PostgreSQL", f"127.0.0.1:{state.postgres_port} (TLS, authority {state.postgres_ca_file})"),
            ("started", state.started_at),
            ("supervisor", state.supervisor_pid),
        ]
        print_table(("what", "where"), rows)
    if not is_healthy:
        raise typer.Exit(PROBLEM)


@app.command()
def mail(
    open_: Annotated[bool, typer.Option("--open", help="Open the latest mail in a browser.")] = False,
    save: Annotated[
        Path | None, typer.Option(help="Folder to save all mail to, as .eml, .html and .txt.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the mail that was sent."""
    state = LocalCloud.attach().state
    mails = read_mailbox(state)
    if save is not None:
        for sent in mails:
            for path in sent.save(save):
                say(str(path))
    if open_:
        if not mails:
            raise CommandError("no mail was sent yet", PROBLEM)
        files = mails[-1].save(Path(state.directory) / "mail")
        webbrowser.open(files[1].as_uri())
    if as_json:
        print_json([asdict(sent) for sent in mails])
    elif save is None and not open_:
        rows = [(f"{sent.sent_at:%H:%M:%S}", ", ".join(sent.recipients), sent.subject) for sent in mails]
        print_table(("sent (UTC)", "to", "subject"), rows)


@app.command()
def logs(
    function: Annotated[
        str | None, typer.Argument(help="Name of a function, or a part of it. Default: all.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the logs until Ctrl-C.")] = False,
    grep: Annotated[str | None, typer.Option(help="Show only lines that contain this text.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the functions logged."""
    cloud = Cloud("local", state=LocalCloud.attach().state)
    client = cloud.client("logs")
    seen: set[tuple[object, ...]] = set()
    while True:
        for name, event in log_events(client, function):
            line = (name, event["logStreamName"], event["timestamp"], event["message"])  # has no id here
            if line in seen or (grep and grep not in event["message"]):
                continue
            seen.add(line)
            if as_json:
                print_json({"function": name, "at": event["timestamp"], "message": event["message"]})
            else:
                at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                typer.echo(f"{at:%H:%M:%S.%f} {name} {event['message'].rstrip()}")
        if not follow:
            return
        time.sleep(_FOLLOW_SECONDS)


@app.command()
def down(
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
) -> None:
    """Stop the local cloud and remove its data."""
    stopped = stop(local_directory())
    if not quiet:
        say("stopped" if stopped else "the local cloud is not up")


def log_events(client: Any, function: str | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield what functions logged, oldest first, each line with its function's name.

    Args:
        client: of CloudWatch Logs.
        function: a part of the name; None for all.

    Raises:
        CommandError: no function has that in its name.
    """
    known = [
        group["logGroupName"]
        for page in client.get_paginator("describe_log_groups").paginate()
        for group in page["logGroups"]
    ]
    groups = [name for name in known if function is None or function.lower() in name.lower()]
    if function is not None and not groups:
        names = ", ".join(sorted(name.removeprefix(_FUNCTION) for name in known if _FUNCTION in name))
        raise CommandError(f"no function has {function!r} in its name; there are {names}")
    events = [
        (group.rsplit("/", 1)[-1], event)
        for group in groups
        for page in client.get_paginator("filter_log_events").paginate(logGroupName=group)
        for event in page["events"]
    ]
    yield from sorted(events, key=lambda pair: pair[1]["timestamp"])


def _visible(state: LocalState) -> dict[str, object]:
    values = asdict(state)
    del values["postgres_passwords"]
    return values


def _absolute(market: str) -> str:
    kind, _, rest = market.partition(":")
    return f"files:{Path(rest).resolve()}" if kind == "files" else market
