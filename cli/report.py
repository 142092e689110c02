"""``linkage rate``, ``linkage report`` and ``linkage verify``: what the ledger says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.cloud import PROBLEM, Cloud, CommandError, JsonOption, cloud_of
from cli.output import print_json, print_table, say
from linkage.contracts.report import ModeRates, Rate, RatesDocument
from linkage.domain.times import iso_utc

HoursOption = Annotated[float | None, typer.Option("--hours", help="The last so many hours.")]
FromOption = Annotated[
    datetime | None, typer.Option("--from", help="Begin of the period, e.g. 2026-11-22T12:00 (UTC).")
]
UntilOption = Annotated[datetime | None, typer.Option("--until", help="End of the period; now when absent.")]

DEFAULT_HOURS = 6.0


def register(app: typer.Typer) -> None:
    """Put the commands directly under `linkage`."""
    app.command()(rate)
    app.command()(report)
    app.command()(verify)


def rate(
    context: typer.Context,
    hours: HoursOption = None,
    since: FromOption = None,
    until: UntilOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the three rates. Exit code 1 when an order is lost or in conflict."""
    period = _period(hours, since, until, now=datetime.now(UTC))
    reply = cloud_of(context).invoke("ReadLedgerFunction", {"op": "rates", **period})
    document = RatesDocument.model_validate(reply["result"])
    if as_json:
        print_json(document.model_dump(mode="json"))
    elif not document.modes:
        say(f"No orders and no signals from {period['start']} to {period['end']}.")
    else:
        for each in document.modes:
            _print_rates(each)
    if any(each.lost or each.conflict for each in document.modes):
        raise typer.Exit(PROBLEM)


def report(
    context: typer.Context,
    hours: HoursOption = None,
    since: FromOption = None,
    until: UntilOption = None,
    send: Annotated[bool, typer.Option("--send", help="Mail it. Without this nothing is mailed.")] = False,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="A recipient, instead of the stage's own; repeatable.")
    ] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="Instead of the report's own.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for report.html, report.txt and the CSV files.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a period's report; with --send, mail it too. Exit code 1 when there is something to do."""
    if to and not send:
        raise CommandError("--to needs --send; without it nothing is mailed")
    cloud = cloud_of(context)
    period = _period(hours, since, until, now=datetime.now(UTC))
    reply = _request(cloud, period, send=send, recipients=to, subject=subject)
    files = save(reply, out) if out is not None else []
    if as_json:
        document = cloud.invoke("ReadLedgerFunction", {"op": "report", **period})["result"]
        mail = {name: reply[name] for name in ("sent", "already_sent", "subject", "level")}
        print_json({**mail, "files": [str(path) for path in files], "report": document})
    else:
        typer.echo(reply["text"], nl=False)
        for path in files:
            say(f"Wrote {path}")
        if send:
            say(_sent_words(reply))
    if reply["level"] == "act":
        raise typer.Exit(PROBLEM)


def verify(context: typer.Context, as_json: JsonOption = False) -> None:
    """Compute everything afresh from the facts and compare. Exit code 1 when a row differs."""
    reply = cloud_of(context).invoke("ReadLedgerFunction", {"op": "verify"}, read_timeout=900)
    result: Mapping[str, Any] = reply["result"]
    if as_json:
        print_json(result)
    else:
        print_table(
            ("invariant", "rows", "breaking it"),
            [(each["name"], each["rows"], _offences(each)) for each in result["checks"]],
        )
    if not result["holds"]:
        raise typer.Exit(PROBLEM)


def save(reply: Mapping[str, Any], folder: Path) -> Sequence[Path]:
    """Write a report's HTML, text and CSV files into a folder, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {"report.html": reply["html"], "report.txt": reply["text"], **reply["csv"]}
    paths = []
    for name, text in contents.items():
        path = folder / Path(name).name
        path.write_text(text, encoding="utf-8", newline="")
        paths.append(path)
    return paths


def _request(
    cloud: Cloud,
    period: Mapping[str, str],
    *,
    send: bool,
    recipients: Sequence[str] | None,
    subject: str | None,
) -> Mapping[str, Any]:
    payload: dict[str, object] = {**period, "send": send, "return_bodies": True}
    if recipients:
        payload["recipients"] = list(recipients)
    if subject is not None:
        payload["subject"] = subject
    reply: Mapping[str, Any] = cloud.invoke("SendReportFunction", payload)
    return reply


def _period(
    hours: float | None, since: datetime | None, until: datetime | None, *, now: datetime
) -> dict[str, str]:
    if hours is not None and since is not None:
        raise CommandError("--hours and --from are two ways to say the same; give one of them")
    if hours is not None and hours <= 0:
        raise CommandError("--hours must be more than 0")
    end = now if until is None else _utc(until)
    try:
        start = end - timedelta(hours=DEFAULT_HOURS if hours is None else hours)
    except OverflowError:
        raise CommandError("--hours is beyond all calendars") from None
    if since is not None:
        start = _utc(since)
    if start >= end:
        raise CommandError("the period must begin before it ends")
    return {"start": iso_utc(start), "end": iso_utc(end)}


def _utc(moment: datetime) -> datetime:
    """Return an aware time: what names no zone is UTC, as the help says."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _print_rates(rates: ModeRates) -> None:
    apart = [
        ("pending, apart", rates.pending),
        ("lost", rates.lost),
        ("conflict", rates.conflict),
        ("signals suppressed", rates.signals_suppressed),
    ]
    print_table(
        ("rate", "of", "count", "percent"),
        [
            ("expected orders linked", *_cells(rates.expected)),
            ("all executed orders linked", *_cells(rates.executed)),
            ("signals that became an order", *_cells(rates.signals)),
            *((name, None, value, None) for name, value in apart if value),
        ],
        title=f"mode {rates.mode}",
    )


def _cells(rate: Rate) -> tuple[object, ...]:
    return rate.whole, rate.part, None if rate.percent is None else f"{rate.percent} %"


def _offences(check: Mapping[str, Any]) -> str:
    shown = ", ".join(check["offenders"][:3])
    return "none" if not check["offences"] else f"{check['offences']}: {shown}"


def _sent_words(reply: Mapping[str, Any]) -> str:
    sent, repeated = len(reply["sent"]), reply["already_sent"]
    words = f"Mailed to {sent} recipient{'' if sent == 1 else 's'}."
    return f"{words} {repeated} had this period's report before." if repeated else words
