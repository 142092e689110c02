"""What is right, noted before anything is posted, and the comparison at the end.

For our own strategy the truth is computed ahead: the parameter documents that the driver will put into
force, the candles and the strategy's rules give every decision of the replay with its key. A link is
right when it equals what stands in the notebook; the ledger is not asked what it thinks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

from linkage.domain.canonical import iso_utc, parse_utc
from linkage.domain.errors import ConfigurationError, InvalidInputError
from linkage.domain.keys import normalise_key
from linkage.ports.market import MarketData
from strategies.matrix.strategy import MATRIX

VENUE_TRIGGERS = ("take_profit", "stop_loss", "trailing_stop")


@dataclass(frozen=True, slots=True)
class LinkTruth:
    """What a link has to hold. ``decided_at`` is when the decision was made, aware UTC."""

    snapshot_id: UUID
    symbol: str
    side: str
    trigger: str | None
    buy_score: Decimal | None
    sell_score: Decimal | None
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class StoredLink:
    """A link as the ledger has it, with the venue's facts of its order.

    Attributes:
        order_key: the key that came with the order, normalised; None if it came without.
        parent_order_id: the order whose venue-side stop or target it is.
        replaces_order_id: the order whose place it took.
        signal_key: the key of the signal that it is linked with.
        signalled_at: when that signal was made, aware UTC.
    """

    order_id: str
    bot_id: str | None
    order_key: str | None
    parent_order_id: str | None
    replaces_order_id: str | None
    symbol: str
    side: str
    method: str
    signal_key: str
    snapshot_id: UUID
    trigger: str | None
    buy_score: Decimal | None
    sell_score: Decimal | None
    signalled_at: datetime

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> StoredLink:
        """Read one row of the query that asks for the links."""
        return cls(
            order_id=row["order_id"],
            bot_id=row["bot_id"],
            order_key=row["order_key"],
            parent_order_id=row["parent_order_id"],
            replaces_order_id=row["replaces_order_id"],
            symbol=row["symbol"],
            side=row["side"],
            method=row["method"],
            signal_key=row["signal_key"],
            snapshot_id=UUID(str(row["snapshot_id"])),
            trigger=row["trigger_type"],
            buy_score=_decimal(row["buy_score"]),
            sell_score=_decimal(row["sell_score"]),
            signalled_at=_moment(row["signalled_at"]),
        )


@dataclass(slots=True)
class Notebook:
    """The truth, by key for our own decisions and by order id for everybody else's orders.

    Each entry is on disk before the call returns.

    Attributes:
        decisions: by our key. Not all of them are sent, and not every order is executed.
        orders: by the venue's order id; None is an order that must not be linked.
        executed: those of them that trade.
    """

    file: TextIO
    decisions: dict[str, LinkTruth] = field(default_factory=dict)
    orders: dict[str, LinkTruth | None] = field(default_factory=dict)
    executed: set[str] = field(default_factory=set)

    def note_decision(self, key: str, truth: LinkTruth) -> None:
        """Note a decision of ours, under the key that its order will have."""
        self.decisions[normalise_key(key)] = truth
        self._write({"client_order_id": key, **_as_json(truth)})

    def note_order(self, order_id: str, truth: LinkTruth | None, *, why: str, executed: bool = True) -> None:
        """Note what an order of somebody else has to be linked with, or that it must not be."""
        self.orders[order_id] = truth
        if executed:
            self.executed.add(order_id)
        linked = {"linked": False} if truth is None else _as_json(truth)
        self._write({"order_id": order_id, "why": why, **linked})

    def note(self, **what: object) -> None:
        """Note something else that is about to be caused."""
        self._write(what)

    def _write(self, line: Mapping[str, object]) -> None:
        self.file.write(json.dumps(line, separators=(",", ":"), default=str) + "\n")
        self.file.flush()


@contextmanager
def notebook(path: Path) -> Iterator[Notebook]:
    """Open a new notebook, one JSON object per line."""
    with path.open("w", encoding="utf-8") as file:
        yield Notebook(file)


def compare(links: Iterable[StoredLink], book: Notebook) -> tuple[list[str], list[str]]:
    """Return what is wrong, and what is missing, one sentence each."""
    by_order = {link.order_id: link for link in links}
    wrong = []
    for link in by_order.values():
        problem = _problem(link, by_order, book)
        if problem:
            wrong.append(f"{link.order_id}: {problem}")
    missing = [
        f"{order_id}: has to be linked with snapshot {truth.snapshot_id}"
        for order_id, truth in book.orders.items()
        if truth is not None and order_id in book.executed and order_id not in by_order
    ]
    return wrong, missing


def recompute_links(
    links: Iterable[StoredLink], snapshots: Mapping[UUID, Mapping[str, Any] | None], market: MarketData
) -> tuple[int, list[str]]:
    """Compute the decision behind each link again, from nothing but its snapshot and the candles.

    Args:
        links: of our own strategy.
        snapshots: parameters as the ledger has them.
        market: the candles.

    Returns:
        How many came out with the same side and scores, and a sentence on each that did not.
    """
    results: dict[tuple[str, UUID, datetime], tuple[str | None, Decimal | None, Decimal | None]] = {}
    same, different = 0, []
    for link in links:
        parameters = snapshots.get(link.snapshot_id)
        if parameters is None:
            different.append(f"{link.order_id}: snapshot {link.snapshot_id} has no parameters")
            continue
        place = (link.symbol, link.snapshot_id, link.signalled_at)
        try:
            if place not in results:
                results[place] = _recompute(link, parameters, market)
        except (InvalidInputError, ConfigurationError) as error:
            different.append(f"{link.order_id}: {error}")
            continue
        side, buy, sell = results[place]
        # An exit that the venue triggered has the decision of its entry, which went the other way.
        due = link.side if link.method != "parent" else "sell" if link.side == "buy" else "buy"
        if (side, buy, sell) == (due, link.buy_score, link.sell_score):
            same += 1
        else:
            different.append(
                f"{link.order_id}: recomputed {side} {buy}/{sell}, "
                f"linked {due} {link.buy_score}/{link.sell_score}"
            )
    return same, different


def _recompute(
    link: StoredLink, parameters: Mapping[str, Any], market: MarketData
) -> tuple[str | None, Decimal | None, Decimal | None]:
    effective = MATRIX.parameters_of(parameters)
    candles = market.candles(
        [link.symbol],
        as_of=link.signalled_at,
        bars=effective.bars,
        interval_seconds=effective.interval_seconds,
    )
    signal = {"symbol": link.symbol, "signalled_at": link.signalled_at}
    decision = MATRIX.recompute(signal, parameters, candles)
    return (decision.side, decision.buy_score, decision.sell_score) if decision else (None, None, None)


def _problem(link: StoredLink, by_order: Mapping[str, StoredLink], book: Notebook) -> str | None:
    """Return what is wrong with a link, or None."""
    if link.order_id in book.orders:
        truth = book.orders[link.order_id]
        if truth is None:
            return f"must not be linked, is linked with snapshot {link.snapshot_id}"
        return _difference(link, truth, child=False)
    if link.order_key is None and link.parent_order_id is None and link.replaces_order_id is None:
        return "has neither key nor parent"
    # A stop hangs from its entry, and an entry that was replaced from the one that carried the key.
    current, child = link, False
    while current.order_key is None:
        name = current.replaces_order_id or current.parent_order_id or ""
        child |= current.replaces_order_id is None
        above = by_order.get(name)
        if above is None:
            return f"nobody foresaw its {'parent' if child else 'predecessor'} {name}"
        current = above
    truth = book.decisions.get(current.order_key)
    if truth is None:
        return f"nobody foresaw the key {current.order_key}"
    return _difference(link, truth, child=child)


def _difference(link: StoredLink, truth: LinkTruth, *, child: bool) -> str | None:
    due: list[tuple[str, object, object]] = [
        ("snapshot_id", link.snapshot_id, truth.snapshot_id),
        ("symbol", link.symbol, truth.symbol),
        ("buy_score", link.buy_score, truth.buy_score),
        ("sell_score", link.sell_score, truth.sell_score),
        ("signalled_at", link.signalled_at, truth.decided_at),
    ]
    if child:
        due.append(("side", link.side, "sell" if truth.side == "buy" else "buy"))
        if link.trigger not in VENUE_TRIGGERS:
            return f"trigger is {link.trigger}, no venue's"
    else:
        due += [("side", link.side, truth.side), ("trigger", link.trigger, truth.trigger)]
    different = [
        f"{name} is {actual}, not {expected}" for name, actual, expected in due if actual != expected
    ]
    return "; ".join(different) or None


def _as_json(truth: LinkTruth) -> dict[str, object]:
    return {
        "snapshot_id": str(truth.snapshot_id),
        "symbol": truth.symbol,
        "side": truth.side,
        "trigger": truth.trigger,
        "buy_score": truth.buy_score,
        "sell_score": truth.sell_score,
        "decided_at": iso_utc(truth.decided_at),
    }


def _decimal(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _moment(value: object) -> datetime:
    return parse_utc(str(value).replace(" ", "T", 1))
