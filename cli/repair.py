"""``linkage relink`` and ``linkage redrive``: repairs after an outage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from cli.cloud import PROBLEM, CommandError, JsonOption, cloud_of
from cli.output import print_json, print_table, say
from linkage.adapters.aws.sqs_events import SqsDeadLetters, queue_depth
from linkage.domain.canonical import iso_utc

PART_SECONDS = 320
"""Longer than a part of relinking may take."""

_COUNTS = ("orders", "linked", "changed", "unlinked", "conflicts", "keys_without_signal")


def relink(
    context: typer.Context,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Start: orders recorded since then, e.g. 2026-11-22T12:00 (UTC)."),
    ] = None,
    hours: Annotated[
        float | None, typer.Option("--hours", help="Or orders recorded in the last so many hours.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Resolve again the link of every order recorded since a time. Running it twice changes nothing more.

    Exit code 1 when it could not do all: linking is off, or DynamoDB did not answer.
    """
    cloud = cloud_of(context)
    asked: Mapping[str, Any] | None = {"relink_since": _start(since, hours, now=datetime.now(UTC))}
    total: Counter[str] = Counter()
    enabled, store_unavailable = True, False
    while asked is not None:
        part = cloud.invoke("SweepFunction", asked, read_timeout=PART_SECONDS)
        total.update({name: part[name] for name in _COUNTS})
        enabled, store_unavailable = (
            enabled and part["linking_enabled"],
            store_unavailable or part["store_unavailable"],
        )
        asked = part["next"]
        if asked is not None:
            say(f"{total['orders']} orders, up to {asked['relink_since']}")
    counts = {name: total[name] for name in _COUNTS}
    if as_json:
        print_json({**counts, "linking_enabled": enabled, "store_unavailable": store_unavailable})
    else:
        print_table(
            ("relinked", "count"), [(name.replace("_", " "), count) for name, count in counts.items()]
        )
    if not enabled:
        raise CommandError("linking is off; turn it on with: linkage switch on", PROBLEM)
    if store_unavailable:
        raise CommandError(
            "DynamoDB did not answer, so keys without a signal may have one; try again", PROBLEM
        )


def redrive(context: typer.Context, as_json: JsonOption = False) -> None:
    """Move the dead letters of the fills queue back into it. Exit code 1 when some are left.

    The function `redrive` does it by itself when the database answers again, up to a retry limit for each
    message; this moves the rest as well, and resets the count. A message is deleted after its copy was
    accepted, so that an interruption doubles it at worst, and a fill that is recorded twice is one. Counts
    are SQS's own, which lag by up to a minute.
    """
    cloud = cloud_of(context)
    sqs = cloud.client("sqs", read_timeout=30)
    source, target = cloud.output("FillsDlqUrl"), cloud.output("FillsQueueUrl")
    queues = {"dead letters": source, "fills": target}
    before = {name: queue_depth(sqs, url) for name, url in queues.items()}
    moved = SqsDeadLetters(source, target, sqs).move().moved
    after = {name: queue_depth(sqs, url) for name, url in queues.items()}
    if as_json:
        print_json({"moved": moved, "before": before, "after": after})
    else:
        print_table(("queue", "before", "after"), [(name, before[name], after[name]) for name in queues])
        say(f"Moved {moved} message{'' if moved == 1 else 's'}.")
    if after["dead letters"]:
        raise typer.Exit(PROBLEM)


def _start(since: str | None, hours: float | None, *, now: datetime) -> str:
    if (since is None) == (hours is None):
        raise CommandError("give --since or --hours")
    try:
        if since is not None:
            moment = datetime.fromisoformat(since)
            # Without a time zone it is UTC, as the help says.
            return iso_utc(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)
        if hours is not None and hours > 0:
            return iso_utc(now - timedelta(hours=hours))
    except ValueError:
        raise CommandError("--since is no time; write it as 2026-11-22T12:00") from None
    except OverflowError:
        raise CommandError("that is out of range") from None
    raise CommandError("--hours must be more than 0")
