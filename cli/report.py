"""``linkage report``: a period's report, on the screen, in files and by mail."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated, Any

import typer

from cli.cloud import PROBLEM, Cloud, CommandError, JsonOption, cloud_of
from cli.output import print_json, say
from cli.parquet import write_parquet
from cli.period import FromOption, HoursOption, UntilOption, period_of
from cli.tables import TABLE_COLUMNS, print_tables, table_rows, tables_csv
from functions.report.rendering.images import beside, images_of, inside


class Format(StrEnum):
    """Format of a report. CSV and Parquet hold its tables of results, a row for each group."""

    TEXT = "text"
    HTML = "html"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


class Group(StrEnum):
    """What results can be grouped by."""

    SNAPSHOT = "snapshot"
    TRIGGER = "trigger"
    ARM = "arm"
    BOT = "bot"
    STRATEGY = "strategy"
    SYMBOL = "symbol"
    SCORE = "score"
    EXIT = "exit"
    PARAMS_HASH = "params_hash"
    HOUR = "hour"


def report(
    context: typer.Context,
    hours: HoursOption = None,
    since: FromOption = None,
    until: UntilOption = None,
    by: Annotated[list[Group] | None, typer.Option("--by", help="Group results by this; repeatable.")] = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="Format of the output. Default: text.")
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="Mail the report.")] = False,
    to: Annotated[
        list[str] | None,
        typer.Option("--to", help="Recipient instead of the stage's own; repeatable. A time means --until."),
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="Subject of the mail. Default: the report's own.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="File to write with --format, else folder for HTML, text and CSV files.",
        ),
    ] = None,
    browse: Annotated[bool, typer.Option("--open", help="Open the HTML in a browser.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a period's report; with --send, mail it too. Exit code 1 when there is something to do."""
    recipients, until = _recipients(to or [], until)
    if recipients and not send:
        raise CommandError("a recipient in --to needs --send; without it nothing is mailed")
    if as_json and form not in (None, Format.JSON):
        raise CommandError(f"--json and --format {form} contradict each other")
    if form is Format.PARQUET and out is None:
        raise CommandError("--format parquet needs --out: it is a file")
    cloud = cloud_of(context)
    period = period_of(hours, since, until, now=datetime.now(UTC))
    pictured = browse or form is Format.HTML or (out is not None and form is None)
    reply = _request(cloud, period, by=by, send=send, recipients=recipients, subject=subject, images=pictured)
    chosen = form or (Format.JSON if as_json else Format.TEXT)
    document = _document(cloud, period, by) if by or chosen not in (Format.TEXT, Format.HTML) else None
    files = list(save(reply, out)) if out is not None and form is None else []
    if out is not None and form is not None:
        files = [_write(out, form, reply, document)]
    elif form is None or out is None:
        _print(chosen, reply, document, files)
    if browse:
        typer.launch(str(_page(reply, files)))
    for path in files:
        say(f"Wrote {path}")
    if send:
        say(_mailed(reply))
    if reply["level"] == "act":
        raise typer.Exit(PROBLEM)


def _recipients(to: Sequence[str], until: datetime | None) -> tuple[list[str], datetime | None]:
    """Separate addresses, which have an @, from a time, which is the end of the period."""
    recipients = [value for value in to if "@" in value]
    ends = [value for value in to if "@" not in value]
    if len(ends) + (until is not None) > 1:
        raise CommandError("a period has one end: give --until, or one time in --to")
    for end in ends:
        try:
            until = datetime.fromisoformat(end)
        except ValueError:
            raise CommandError(f"--to takes an address or a time, and {end!r} is neither") from None
    return recipients, until


def _document(cloud: Cloud, period: Mapping[str, str], by: Sequence[Group] | None) -> Mapping[str, Any]:
    payload: dict[str, object] = {"op": "report", **period}
    if by:
        payload["by"] = [group.value for group in by]
    document: Mapping[str, Any] = cloud.invoke("ReadLedgerFunction", payload)["result"]
    return document


def _print(
    form: Format, reply: Mapping[str, Any], document: Mapping[str, Any] | None, files: Sequence[Path]
) -> None:
    if form is Format.JSON:
        mail = {name: reply[name] for name in ("sent", "already_sent", "subject", "level")}
        print_json({**mail, "files": [str(path) for path in files], "report": document})
    elif form is Format.HTML:
        typer.echo(inside(reply["html"], images_of(reply)), nl=False)
    elif form is Format.CSV:
        typer.echo(tables_csv(document or {}), nl=False)
    else:
        typer.echo(reply["text"], nl=False)
        if document is not None:
            print_tables(document)


def _write(out: Path, form: Format, reply: Mapping[str, Any], document: Mapping[str, Any] | None) -> Path:
    """Write one file: under its own name, or as ``report`` in the folder that is there."""
    suffix = "txt" if form is Format.TEXT else form.value
    path = out / f"report.{suffix}" if out.is_dir() else out
    path.parent.mkdir(parents=True, exist_ok=True)
    if form is Format.PARQUET:
        write_parquet(path, TABLE_COLUMNS, iter([list(table_rows(document or {}))]))
        return path
    if form is Format.JSON:
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    elif form is Format.CSV:
        text = tables_csv(document or {})
    else:
        text = inside(reply["html"], images_of(reply)) if form is Format.HTML else reply["text"]
    path.write_text(text, encoding="utf-8", newline="")
    return path


def _page(reply: Mapping[str, Any], files: Sequence[Path]) -> Path:
    """Return the HTML as a file: the one that was written, else a temporary one."""
    pages = [path for path in files if path.suffix == ".html"]
    return pages[0] if pages else _page(reply, save(reply, Path(mkdtemp(prefix="linkage-"))))


def save(reply: Mapping[str, Any], folder: Path) -> Sequence[Path]:
    """Write a report's HTML, text and CSV files into a folder, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    html, pictures = beside(reply["html"], images_of(reply))
    paths = []
    for name, png in pictures.items():
        paths.append(folder / name)
        paths[-1].write_bytes(png)
    contents = {"report.html": html, "report.txt": reply["text"], **reply["csv"]}
    for name, text in contents.items():
        path = folder / Path(name).name
        path.write_text(text, encoding="utf-8", newline="")
        paths.append(path)
    return paths


def _request(
    cloud: Cloud,
    period: Mapping[str, str],
    *,
    by: Sequence[Group] | None,
    send: bool,
    recipients: Sequence[str],
    subject: str | None,
    images: bool,
) -> Mapping[str, Any]:
    payload: dict[str, object] = {**period, "send": send, "return_bodies": True, "images": images}
    if by:
        payload["by"] = [group.value for group in by]
    if recipients:
        payload["recipients"] = list(recipients)
    if subject is not None:
        payload["subject"] = subject
    reply: Mapping[str, Any] = cloud.invoke("SendReportFunction", payload)
    return reply


def _mailed(reply: Mapping[str, Any]) -> str:
    sent, repeated = len(reply["sent"]), reply["already_sent"]
    text = f"Mailed to {sent} recipient{'' if sent == 1 else 's'}."
    return f"{text} {repeated} had this period's report before." if repeated else text
