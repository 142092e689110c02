"""``linkage import``: fills and order events out of a file, onto the fills queue."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.cloud import PROBLEM, CommandError, JsonOption, cloud_of
from cli.output import print_json, print_table, say
from linkage.adapters.aws.sqs_events import MAX_ENTRIES, SqsEventQueue
from linkage.contracts.events import SCHEMA, FillEvent, FillIds, OrderEvent
from linkage.contracts.messages import MAX_MESSAGE_BYTES, pack_messages, parse_message
from linkage.domain.errors import DeliveryError, InvalidInputError
from linkage.domain.instruments import normalise_symbol
from linkage.domain.keys import is_placeholder

Row = Mapping[str, Any] | InvalidInputError
"""A row's fields, or why it has none."""

SHOWN_ROWS = 50
PROGRESS_ROWS = 10_000

_MODELS: Mapping[str, type[FillEvent] | type[OrderEvent]] = {"fill": FillEvent, "order": OrderEvent}
_COLUMNS = frozenset(
    info.alias or name for model in _MODELS.values() for name, info in model.model_fields.items()
)


class FileFormat(StrEnum):
    """Format of the file."""

    JSONL = "jsonl"
    CSV = "csv"


class EventType(StrEnum):
    """Type of a row."""

    FILL = "fill"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is not sent: its line, the field that is wrong, and the reason."""

    line: int
    field: str
    reason: str


@dataclass(slots=True)
class Import:
    """Checks rows, and counts them.

    Args:
        defaults: by field, for rows without it.
        now: aware UTC; a row of more than a day later is wrong.
    """

    defaults: Mapping[str, str]
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    rows: int = 0
    bad: list[BadRow] = field(default_factory=list)
    _fill_ids: FillIds = field(default_factory=FillIds)

    def events(self, rows: Iterable[tuple[int, Row]]) -> Iterator[str]:
        """Yield the good ones among numbered rows as JSON text; remember the others."""
        for line, row in rows:
            self.rows += 1
            if self.rows % PROGRESS_ROWS == 0:
                say(f"{self.rows} rows")
            try:
                text = self._event(row)
            except InvalidInputError as error:
                self.bad.append(BadRow(line, error.field, str(error)))
            else:
                yield text

    def _event(self, row: Row) -> str:
        if isinstance(row, InvalidInputError):
            raise row
        given = {name: value for name, value in row.items() if value is not None}
        event = {"schema": SCHEMA, **self.defaults, **given, "ingest_via": "import"}
        model = _MODELS.get(str(event.get("type")))
        if model is None:
            raise InvalidInputError("type has to be fill or order", "type")
        if isinstance(symbol := event.get("symbol"), str):
            event["symbol"] = normalise_symbol(symbol, str(event.get("venue", ""))).symbol
        text = json.dumps(event, separators=(",", ":"), default=str)
        # Checked by the recorder's own code: what it would quarantine is not sent.
        if bad := parse_message(text, self.now).bad:
            raise InvalidInputError(bad[0].reason, bad[0].field)
        if model is FillEvent:
            text = self._numbered(event, text)
        if len(text) > MAX_MESSAGE_BYTES:
            raise InvalidInputError(f"the event is longer than {MAX_MESSAGE_BYTES // 1000} kB")
        return text

    def _numbered(self, event: Mapping[str, Any], text: str) -> str:
        """Return a fill's text; where it has no id of its own, with one that no other row of the file has."""
        fill_id = str(event.get("fill_id", "")).strip()
        if not is_placeholder(fill_id) and fill_id != str(event["order_id"]).strip():
            return text
        made = self._fill_ids.complete(FillEvent.model_validate_json(text)).fill_id
        return json.dumps({**event, "fill_id": made}, separators=(",", ":"), default=str)


def import_events(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="JSONL, or CSV with a header row; - reads standard input.")
    ],
    file_format: Annotated[
        FileFormat | None, typer.Option("--format", help="Default: by the file's name, else JSONL.")
    ] = None,
    event_type: Annotated[
        EventType | None, typer.Option("--type", help="Default for rows without a type.")
    ] = None,
    venue: Annotated[str | None, typer.Option("--venue", help="Default for rows without a venue.")] = None,
    account: Annotated[
        str | None, typer.Option("--account", help="Default for rows without an account.")
    ] = None,
    bot: Annotated[str | None, typer.Option("--bot", help="Default for rows without a bot_id.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row; send nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Import fills and order events from a file.

    Fields are those of POST /v1/fills/generic; ingest_via is import. Rows that are wrong are listed and not
    sent, the others are. Importing a file twice changes nothing.
    Exit code 1 when a row is wrong.
    """
    defaults = {"type": event_type and event_type.value, "venue": venue, "account": account, "bot_id": bot}
    work = Import({name: value for name, value in defaults.items() if value})
    chosen = file_format or (FileFormat.CSV if file.lower().endswith(".csv") else FileFormat.JSONL)
    queue = None
    if not dry_run:
        cloud = cloud_of(context)
        queue = SqsEventQueue(cloud.output("FillsQueueUrl"), cloud.client("sqs", read_timeout=30))
    with _opened(file) as stream:
        rows = _csv_rows(stream) if chosen is FileFormat.CSV else _json_rows(stream)
        messages = pack_messages(work.events(rows))
        while batch := list(islice(messages, MAX_ENTRIES)):
            if queue is not None:
                _send(queue, batch)
    sent = 0 if dry_run else work.rows - len(work.bad)
    if as_json:
        bad = [{"line": row.line, "field": row.field, "reason": row.reason} for row in work.bad]
        print_json({"rows": work.rows, "sent": sent, "bad": bad, "dry_run": dry_run})
    else:
        if work.bad:
            shown = work.bad[:SHOWN_ROWS]
            print_table(
                ("line", "field", "reason"), [(row.line, row.field or None, row.reason) for row in shown]
            )
        say(f"{work.rows} rows, {sent} sent, {len(work.bad)} wrong.")
    if work.bad:
        raise typer.Exit(PROBLEM)


def _send(queue: SqsEventQueue, batch: list[str]) -> None:
    try:
        queue.send(batch)
    except DeliveryError as error:
        raise CommandError(f"{error}; some rows were sent, and importing all again does no harm") from None


@contextmanager
def _opened(file: str) -> Iterator[io.TextIOWrapper]:
    # Bytes that are no UTF-8 become characters that no event may have: their row is wrong, no other.
    settings: dict[str, Any] = {"encoding": "utf-8-sig", "errors": "surrogateescape", "newline": ""}
    if file == "-":
        stream = io.TextIOWrapper(sys.stdin.buffer, **settings)
        try:
            yield stream
        finally:
            stream.detach()
        return
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(Path(file).open(**settings))
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        yield opened


def _json_rows(stream: Iterable[str]) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(stream, start=1):
        if line.strip():
            yield number, _json_row(line)


def _json_row(line: str) -> Row:
    try:
        # A price keeps the digits that it is written with.
        row = json.loads(line, parse_float=Decimal, parse_constant=_no_number)
        if isinstance(row, dict):
            return row | {"raw": json.loads(line)["raw"]} if "raw" in row else row
    except (ValueError, RecursionError) as error:
        return InvalidInputError(f"the line is no JSON: {error}")
    return InvalidInputError("the line is no JSON object")


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _csv_rows(stream: Iterable[str]) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(stream)
    try:
        header = [name.strip() for name in next(reader, [])]
        unknown = sorted(set(header) - _COLUMNS)
        if unknown:
            known = ", ".join(sorted(_COLUMNS))
            raise CommandError(f"no event has a field {', '.join(unknown)}; columns may be {known}")
        if len(set(header)) < len(header):
            raise CommandError("two columns have the same name")
        for cells in reader:
            if cells:
                yield reader.line_num, _csv_row(header, cells)
    except csv.Error as error:
        raise CommandError(f"line {reader.line_num}: {error}") from None


def _csv_row(header: list[str], cells: list[str]) -> Row:
    if len(cells) > len(header):
        return InvalidInputError(f"the row has {len(cells)} cells under {len(header)} columns")
    # An empty cell is an absent field.
    row: dict[str, Any] = {name: cell for name, cell in zip(header, cells, strict=False) if cell.strip()}
    if "raw" in row:
        try:
            row["raw"] = json.loads(row["raw"], parse_constant=_no_number)
        except (ValueError, RecursionError):
            return InvalidInputError("the cell is no JSON", "raw")
    return row
