"""``linkage trace``: an order's history, from the parameters to the link."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.cloud import PROBLEM, JsonOption, cloud_of
from cli.output import print_json, say
from functions.report.rendering.formatting import price, signed

Row = Mapping[str, Any]

_DEFECTS = ("lost", "conflict")


def trace(
    context: typer.Context,
    identifier: Annotated[
        str, typer.Argument(metavar="ORDER_ID|CLIENT_ORDER_ID", help="Id of an order or a signal.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Show an order's parameters, scores, signal, fills and link.

    Exit code 1 when there is no such order or signal.
    """
    reply = cloud_of(context).invoke("ReadLedgerFunction", {"op": "trace", "id": identifier})
    story = reply["result"]
    if as_json:
        print_json(story)
    elif story is not None:
        console = Console(highlight=False)
        for order in story["orders"]:
            console.print(_order_story(order))
        for signal in story["signals"]:
            console.print(_signal_story(signal))
    if story is None:
        if not as_json:
            say(f"linkage: the ledger knows no order and no signal {identifier}")
        raise typer.Exit(PROBLEM)


def _order_story(story: Row) -> RenderableType:
    order, link = story["order"], story["link"]
    parts: list[RenderableType] = []
    if link is not None:
        parts += list(_decision(story["signal"] or link, story["snapshot"]))
    parts += [
        _table("Order events", _EVENT_COLUMNS, story["events"]),
        _table("Fills", _FILL_COLUMNS, story["fills"]),
        _facts("Order", _order_facts(order)),
        _facts("Link", _link_facts(story)),
    ]
    if story.get("lots"):
        parts += _lots(order["order_id"], story["lots"])
    if story["relatives"]:
        parts.append(_table("Related orders", _RELATED_COLUMNS, story["relatives"]))
    if story["history"]:
        parts.append(_table("Earlier links", _HISTORY_COLUMNS, story["history"]))
    title = f"{order['side']} {order['symbol']}  {order['order_id']}"
    return Panel(Group(*parts), title=escape(title), title_align="left", border_style=_style(story))


def _signal_story(story: Row) -> RenderableType:
    signal = story["signal"]
    title = f"signal {signal['client_order_id']} without an order"
    return Panel(Group(*_decision(signal, story["snapshot"])), title=escape(title), title_align="left")


def _decision(signal: Row, snapshot: Row | None) -> Iterator[RenderableType]:
    """Yield parameters, scores and signal, in the order in which they were made."""
    if snapshot is None:
        yield _facts("Parameters", [("snapshot", "none in the signal")])
    else:
        yield _facts("Parameters", [*_snapshot_facts(snapshot), *_parameters(snapshot["parameters"])])
    yield _scores(signal)
    facts = [
        ("signalled at", signal["signalled_at"]),
        ("client order id", signal["client_order_id"]),
        ("bot", signal["bot_id"]),
        ("trigger", signal["trigger_type"]),
        ("arm", signal["arm"]),
    ]
    facts += [
        (name.replace("_", " "), signal[name])
        for name in ("disposition", "guardrail", "price", "quantity", "notional", "bar_time", "received_at")
        if signal.get(name) is not None
    ]
    yield _facts("Signal", facts)


def _snapshot_facts(snapshot: Row) -> list[tuple[str, object]]:
    named = [("label", snapshot["label"])] if snapshot["label"] else []
    return [
        *named,
        ("snapshot", snapshot["snapshot_id"]),
        ("strategy", snapshot["strategy"]),
        ("code version", snapshot["code_version"]),
    ]


def _parameters(parameters: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(parameters, Mapping):
        for name, value in sorted(parameters.items()):
            yield from _parameters(value, f"{path}.{name}" if path else str(name))
    elif path not in ("strategy", "code_version"):
        yield (path, _value(parameters)) if path else ("parameters", "not described yet")


def _scores(signal: Row) -> RenderableType:
    facts = [("buy score", signal["buy_score"]), ("sell score", signal["sell_score"])]
    fired = signal.get("indicators_fired")
    if fired:
        facts.append(("fired", ", ".join(fired)))
    summary = _facts("Scores", facts)
    breakdown = signal.get("indicator_breakdown") or {}
    if not breakdown:
        return summary
    names = sorted(
        {name for reading in breakdown.values() if isinstance(reading, Mapping) for name in reading}
    )
    rows = [
        {"indicator": name, **(reading if isinstance(reading, Mapping) else {"value": reading})}
        for name, reading in sorted(breakdown.items())
    ]
    columns = [("indicator", "indicator"), *((name, name) for name in names or ["value"])]
    return Group(summary, _table("", columns, rows))


_EVENT_COLUMNS = (
    ("updated_at", "time"), ("status", "status"), ("venue_status", "at the venue"), ("order_type", "type"),
    ("size", "size"), ("ingest_via", "via"), ("recorded_at", "recorded"),
)  # fmt: skip
_FILL_COLUMNS = (
    ("executed_at", "time"), ("kind", "kind"), ("quantity", "quantity"), ("price", "price"), ("fee", "fee"),
    ("fee_currency", "in"), ("recorded_at", "recorded"),
)  # fmt: skip
_LOT_COLUMNS = (
    ("state", "state"), ("quantity", "quantity"), ("entry_price", "entry"), ("exit_price", "exit or mark"),
    ("pnl", "P&L"), ("other", "other order"), ("note", "note"),
)  # fmt: skip
_RELATED_COLUMNS = (
    ("relation", "relation"), ("order_time", "time"), ("side", "side"), ("symbol", "symbol"),
    ("status", "status"), ("order_id", "order"),
)  # fmt: skip
_HISTORY_COLUMNS = (
    ("linked_at", "linked"), ("ended_at", "ended"), ("method", "method"), ("snapshot_id", "snapshot"),
)  # fmt: skip


def _lots(order_id: str, lots: Sequence[Row]) -> Iterator[RenderableType]:
    """Yield the P&L of an order's lots and each lot; figures are for people, JSON has every digit."""
    sums: dict[tuple[str, str], Decimal] = {}
    for lot in lots:
        if lot["pnl"] is not None:
            key = (lot["state"], lot["quote_currency"])
            sums[key] = sums.get(key, Decimal(0)) + Decimal(lot["pnl"])
    yield _facts(
        "P&L, net of fees", [(state, signed(pnl, currency)) for (state, currency), pnl in sums.items()]
    )
    yield _table("Lots", _LOT_COLUMNS, [_lot(order_id, lot) for lot in lots])


def _lot(order_id: str, lot: Row) -> Row:
    """Return a lot from the side of the order, with what its figures lack."""
    entry, exit_ = lot["entry_order_id"], lot["exit_order_id"]
    notes = [lot["kind"]] if lot["kind"] in ("dust", "residue") else []
    notes += [f"without {name.replace('_', ' ')}" for name in lot["missing"]]
    prices = {
        name: None if lot[name] is None else price(Decimal(lot[name]))
        for name in ("quantity", "entry_price", "exit_price")
    }
    pnl = None if lot["pnl"] is None else signed(Decimal(lot["pnl"]), lot["quote_currency"])
    other = exit_ if entry == order_id else entry
    return {**lot, **prices, "pnl": pnl, "other": other, "note": ", ".join(notes) or None}


def _order_facts(order: Row) -> list[tuple[str, object]]:
    venue = f"{order['venue']}, account {order['account']}"
    fee = None if order["fee"] is None else f"{order['fee']} {order['fee_currency'] or ''}".strip()
    return [
        ("order time", order["order_time"]),
        ("status", order["status"]),
        ("filled", f"{order['filled_quantity']} at {order['average_price'] or 'no price'}"),
        ("notional", order["notional"]),
        ("fee", fee),
        ("client order id", order["client_order_id"]),
        ("venue", venue),
        ("origin", order["origin"]),
    ]


def _link_facts(story: Row) -> list[tuple[str, object]]:
    link, judged = story["link"], story["disposition"] or {}
    disposition = judged.get("disposition") or "none yet: the order is not executed"
    reason = judged.get("reason")
    facts: list[tuple[str, object]] = [("disposition", f"{disposition}, {reason}" if reason else disposition)]
    if link is not None:
        facts += [("method", link["method"]), ("linked at", link["linked_at"])]
    return facts


def _facts(title: str, facts: Sequence[tuple[str, object]]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", min_width=16)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(Text(f"  {name}"), Text(_value(value)))
    return Group(Text(f"\n{title}", style="bold"), table)


def _table(title: str, columns: Sequence[tuple[str, str]], rows: Sequence[Row]) -> RenderableType:
    heading = [Text(f"\n{title}", style="bold")] if title else []
    if not rows:
        return Group(*heading, Text("  none", style="dim"))
    table = Table(box=None, header_style="dim", padding=(0, 1))
    for _, head in columns:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_value(row.get(name))) for name, _ in columns))
    return Group(*heading, table)


def _value(value: object) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _style(story: Row) -> str:
    disposition = (story["disposition"] or {}).get("disposition")
    if disposition in _DEFECTS:
        return "red"
    return "green" if disposition == "linked" else "dim"
