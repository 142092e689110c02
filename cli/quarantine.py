"""``linkage quarantine``: events that could not be read: list, show, retry, dismiss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from cli.cloud import PROBLEM, CommandError, JsonOption, cloud_of
from cli.output import print_json, print_table, say

app = typer.Typer(help="List, show, retry and dismiss quarantined events.", no_args_is_help=True)

RETRY_SECONDS = 320

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}
"""A body may come from anybody, and must not control the reader's terminal."""

_FACTS = (
    "quarantine_id", "age", "source", "reason", "field", "message_id", "quarantined_at", "resolved_at",
    "resolution",
)  # fmt: skip
_OF_THE_RESOLVED = ("resolved_at", "resolution")


@app.command("list")
def list_events(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Include resolved and dismissed events.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List quarantined events: counts by reason, then the events, newest first, without bodies.

    Exit code 1 when an event is unresolved.
    """
    reply = cloud_of(context).invoke("ReadLedgerFunction", {"op": "quarantine", "resolved": everything})
    listing: Mapping[str, Any] = reply["result"]
    events = listing["events"]
    if as_json:
        print_json(listing)
    elif not events:
        say("Nothing is quarantined.")
    else:
        reasons = ("events", "oldest", "source", "field", "reason")
        print_table(reasons, [_cells(_aged(reason), reasons) for reason in listing["reasons"]])
        columns = [name for name in _FACTS if everything or name not in _OF_THE_RESOLVED]
        print_table(
            [name.replace("_", " ") for name in columns], [_cells(_aged(event), columns) for event in events]
        )
        if listing["total"] > len(events):
            say(f"These are the newest of {listing['total']}.")
    if any(event["resolved_at"] is None for event in events):
        raise typer.Exit(PROBLEM)


@app.command()
def show(
    context: typer.Context,
    quarantine_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="quarantine_id, as listed.")],
    as_json: JsonOption = False,
) -> None:
    """Show one event with its body as received, control characters escaped.

    Exit code 1 when there is no such event.
    """
    asked = {"op": "quarantined", "id": quarantine_id}
    event = cloud_of(context).invoke("ReadLedgerFunction", asked)["result"]
    if as_json:
        print_json(event)
    elif event is not None:
        values = _cells(_aged(event), _FACTS)
        print_table(
            ("fact", "value"),
            [(name.replace("_", " "), value) for name, value in zip(_FACTS, values, strict=True)],
        )
        typer.echo(event["body"].translate(_CONTROLS))
    if event is None:
        if not as_json:
            say(f"linkage: the quarantine has no event {quarantine_id}")
        raise typer.Exit(PROBLEM)


@app.command()
def retry(
    context: typer.Context,
    quarantine_id: Annotated[
        int | None, typer.Argument(metavar="[ID]", min=1, help="quarantine_id, as listed.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Retry every unresolved event.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Process events again, after an update that can read them. Exit code 1 when some stay quarantined.

    The recorder processes their bodies as received; a row that PostgreSQL refused is inserted again. What can
    be read is recorded, linked, and marked as resolved; what is invalid in itself has to be corrected and
    sent again by its sender.
    """
    if (quarantine_id is None) == (not everything):
        raise CommandError("give an ID or --all")
    cloud = cloud_of(context)
    asked: Mapping[str, Any] | None = {"retry_quarantined": "all" if everything else quarantine_id}
    events: list[Mapping[str, Any]] = []
    while asked is not None:
        part = cloud.invoke("SweepFunction", asked, read_timeout=RETRY_SECONDS)
        events += part["events"]
        asked = part["next"]
    left = [event for event in events if not event["understood"]]
    if as_json:
        print_json({"understood": len(events) - len(left), "left": left})
    if not events and not everything:
        raise CommandError(f"event {quarantine_id} does not wait in the quarantine", PROBLEM)
    if not as_json:
        if left:
            print_table(
                ("quarantine id", "stays because"),
                [(event["quarantine_id"], event["reason"]) for event in left],
            )
        say(f"{len(events) - len(left)} understood, {len(left)} left.")
    if left:
        raise typer.Exit(PROBLEM)


@app.command()
def dismiss(
    context: typer.Context,
    quarantine_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="quarantine_id, as listed.")],
    reason: Annotated[
        str, typer.Option("--reason", help="Why it will never be recorded; stored with the event.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Dismiss one event: it is stored with its body and your reason, and never retried.

    Exit code 1 when it is not in quarantine.
    """
    if not reason.strip():
        raise CommandError("give a --reason")
    asked = {"dismiss_quarantined": quarantine_id, "reason": reason.strip()}
    dismissed: bool = cloud_of(context).invoke("SweepFunction", asked)["dismissed"]
    if as_json:
        print_json({"dismissed": dismissed})
    elif dismissed:
        say(f"Dismissed event {quarantine_id}.")
    if not dismissed:
        raise CommandError(f"event {quarantine_id} does not wait in the quarantine", PROBLEM)


def _aged(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add ages for people."""
    return {
        **facts,
        "age": _duration(facts.get("age_seconds")),
        "oldest": _duration(facts.get("oldest_seconds")),
    }


def _duration(seconds: int | None) -> str | None:
    if seconds is None:
        return None
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _cells(facts: Mapping[str, Any], columns: Sequence[str]) -> list[object]:
    return [facts[name] or None for name in columns]
