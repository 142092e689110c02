"""``linkage export``: closed lots with their parameters, scores and indicators, for notebooks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.cloud import Cloud, CommandError, cloud_of
from cli.csv_file import write_csv
from cli.output import say
from cli.parquet import write_parquet
from cli.period import FromOption, UntilOption, utc
from linkage.domain.canonical import canonical, iso_utc

Kind = Literal["number", "text", "time", "flag"]
Columns = Mapping[str, Kind]
Row = Mapping[str, Any]

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)

LOT_COLUMNS: Columns = {
    "allocation_id": "number", "episode_id": "text", "mode": "text", "bot_id": "text", "venue": "text",
    "account": "text", "symbol": "text", "side": "text", "kind": "text", "matched_by": "text",
    "entry_order_id": "text", "exit_order_id": "text", "opened_at": "time", "closed_at": "time",
    "holding_seconds": "number", "hour": "number", "quantity": "number", "quantity_unit": "text",
    "quote_currency": "text", "entry_price": "number", "exit_price": "number", "entry_value": "number",
    "exit_value": "number", "fees": "number", "gross_pnl": "number", "net_pnl": "number",
    "average_net_pnl": "number", "unit_return": "number", "initial_risk": "number", "r_multiple": "number",
    "fees_complete": "flag", "snapshot_id": "text", "label": "text", "params_hash": "text",
    "code_version": "text", "strategy": "text", "arm": "text", "propensity": "number", "run_id": "text",
    "bar_time": "time", "entry_trigger": "text", "entry_score": "number", "score_bucket": "number",
    "buy_score": "number", "sell_score": "number", "signalled_at": "time", "signal_price": "number",
    "stop_loss": "number", "take_profit": "number", "entry_delay_seconds": "number",
    "entry_slippage": "number", "exit_kind": "text", "exit_signalled_at": "time",
    "exit_signal_price": "number", "exit_delay_seconds": "number", "exit_slippage": "number",
    "exit_snapshot_id": "text", "mixed": "flag", "indicators_fired": "text",
}  # fmt: skip
"""Columns of every lot, in the order of the file."""


@dataclass(frozen=True, slots=True)
class Table:
    """The closed lots of a period, page by page."""

    columns: Columns
    total: int
    pages: Iterator[Sequence[Row]]


def export(
    context: typer.Context,
    out: Annotated[
        Path, typer.Argument(metavar="FILE", help="File to write; its name ends in .csv or .parquet.")
    ],
    since: FromOption = None,
    until: UntilOption = None,
) -> None:
    """Write closed lots with their parameters, a row for each.

    A row also has indicators, slippage and P&L. Lots are read in pages and written as they come, so that
    the length of the period does not matter.
    """
    write = _writer(out)
    start, end = (
        BEGINNING if since is None else utc(since),
        datetime.now(UTC) if until is None else utc(until),
    )
    if start >= end:
        raise CommandError("the period must start before it ends")
    table = read_lots(cloud_of(context), start, end)
    out.parent.mkdir(parents=True, exist_ok=True)
    with _progress() as progress, _replacing(out) as draft:
        task = progress.add_task("lots", total=table.total)
        write(draft, table.columns, _advancing(table.pages, lambda rows: progress.advance(task, rows)))
    say(f"Wrote {out}")


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """Give a draft to write to; it replaces ``out`` at the end, and is removed after a failure."""
    draft = out.with_name(f".{out.name}.part")
    try:
        yield draft
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


def read_lots(cloud: Cloud, start: datetime, end: datetime) -> Table:
    """Return the lots that were closed in a period; each page is read when the previous one was used."""
    period = {"start": iso_utc(start), "end": iso_utc(end)}
    head = cloud.invoke("ReadLedgerFunction", {"op": "export_columns", **period})["result"]
    columns: dict[str, Kind] = dict(LOT_COLUMNS)
    columns.update({f"param.{path}": kind for path, kind in head["parameters"].items()})
    columns.update({f"indicator.{path}": kind for path, kind in head["indicators"].items()})
    # For parameters and indicators that first occurred while we read.
    columns["indicators_other"] = "text"
    return Table(columns, head["total"], _pages(cloud, period, columns))


def _pages(cloud: Cloud, period: Mapping[str, str], columns: Columns) -> Iterator[Sequence[Row]]:
    after: object = None
    while True:
        payload = {"op": "export", **period, **({"after": after} if after else {})}
        page = cloud.invoke("ReadLedgerFunction", payload)["result"]
        parameters = {
            snapshot_id: flatten(canonical(document), "param.")
            for snapshot_id, document in page["parameters"].items()
        }
        yield [_row(lot, parameters.get(lot["snapshot_id"], {}), columns) for lot in page["lots"]]
        after = page["after"]
        if after is None:
            return


def _row(lot: Mapping[str, Any], parameters: Mapping[str, object], columns: Columns) -> Row:
    indicators = flatten(canonical(lot.get("indicator_breakdown")), "indicator.")
    fired = lot.get("indicators_fired")
    other = {name: value for name, value in indicators.items() if name not in columns}
    return {
        **{name: lot.get(name) for name in LOT_COLUMNS},
        "indicators_fired": None if fired is None else " ".join(fired),
        **{name: value for name, value in {**parameters, **indicators}.items() if name in columns},
        "indicators_other": json.dumps(other, ensure_ascii=False) if other else None,
    }


def flatten(document: object, prefix: str = "") -> dict[str, object]:
    """Return the leaves of a JSON document by their dotted path; lists become JSON text."""
    if isinstance(document, Mapping):
        leaves: dict[str, object] = {}
        for name, value in document.items():
            leaves.update(
                flatten(value, f"{prefix}{name}." if isinstance(value, Mapping) else f"{prefix}{name}")
            )
        return leaves
    if document is None or not prefix or prefix.endswith("."):
        return {}
    return {
        prefix: document if isinstance(document, (str, bool)) else json.dumps(document, ensure_ascii=False)
    }


def _writer(out: Path) -> Callable[[Path, Columns, Iterator[Sequence[Row]]], None]:
    if out.suffix == ".csv":
        return write_csv
    if out.suffix == ".parquet":
        return write_parquet
    raise CommandError(f"{out} has to end in .csv or .parquet")


def _advancing(pages: Iterator[Sequence[Row]], advance: Callable[[int], object]) -> Iterator[Sequence[Row]]:
    for rows in pages:
        yield rows
        advance(len(rows))


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
