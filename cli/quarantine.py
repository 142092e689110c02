"""``linkage quarantine``: what could not be understood, why, another try, or the end of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from cli.cloud import PROBLEM, CommandError, JsonOption, cloud_of
from cli.output import print_json, print_table, say

app = typer.Typer(help="List, show, retry and dismiss quarantined events.", no_args_is_help=True)

RETRY_SECONDS = 320

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}
"""Anybody may have written a body; it must not write on the reader's terminal what it likes."""

_FACTS = (
    "quarantine_id", "age", "source", "reason", "field", "message_id", "quarantined_at", "resolved_at",
    "resolution",
)  # fmt: skip
_OF_THE_RESOLVED = ("resolved_at", "resolution")


@app.command("list")
def list_events(
    context: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was understood later or dismissed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List what waits in the quarantine: how many for which reason, then each, newest first, without bodies.

    Exit code 1 when something waits.
    """
    reply = cloud_of(context).invoke("ReadLedgerFunction", {"op": "quarantine", "resolved": everything})
    found: Mapping[str, Any] = reply["result"]
    events = found["events"]
    if as_json:
        print_json(found)
    elif not events:
        say("Nothing is quarantined.")
    else:
        reasons = ("events", "oldest", "source", "field", "reason")
        print_table(reasons, [_cells(_aged(each), reasons) for each in found["reasons"]])
        columns = [name for name in _FACTS if everything or name not in _OF_THE_RESOLVED]
        print_table(
            [name.replace("_", " ") for name in columns], [_cells(_aged(each), columns) for each in events]
        )
        if found["total"] > len(events):
            say(f"These are the newest of {found['total']}.")
    if any(each["resolved_at"] is None for each in events):
        raise typer.Exit(PROBLEM)


@app.command()
def show(
    context: typer.Context,
    quarantine_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="As the list shows it.")],
    as_json: JsonOption = False,
) -> None:
    """Show one event with its body as it came, control characters escaped.

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
        int | None, typer.Argument(metavar="[ID]", min=1, help="As the list shows it.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that waits.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take events as if they came now, after an update that understands them. Exit code 1 when some stay.

    The recorder does it, on their bodies as they came; what PostgreSQL refused goes in as the row that it was
    to be. What is understood is recorded, linked, and marked as resolved; what is wrong in itself has to be
    sent again, corrected, by whoever sent it.
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
    left = [each for each in events if not each["understood"]]
    if as_json:
        print_json({"understood": len(events) - len(left), "left": left})
    if not events and not everything:
        raise CommandError(f"event {quarantine_id} does not wait in the quarantine", PROBLEM)
    if not as_json:
        if left:
            print_table(("quarantine id", "stays because"), [(e["quarantine_id"], e["reason"]) for e in left])
        say(f"{len(events) - len(left)} understood, {len(left)} left.")
    if left:
        raise typer.Exit(PROBLEM)


@app.command()
def dismiss(
    context: typer.Context,
    quarantine_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="As the list shows it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it will never be taken; kept beside it.")],
    as_json: JsonOption = False,
) -> None:
    """Put one event away for good: it stays with its body and your reason, and is not tried again.

    Exit code 1 when it does not wait in the quarantine.
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
    """Add ages as people say them."""
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
