"""Paper execution: sent signals become orders of a venue that exists on paper only.

A book is saved together with the messages that its last bars caused, sent after that, and saved again
without them. A crash in between sends them twice, with the same ids, and never loses one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from linkage.contracts.events import EVENT, MAX_EVENTS_PER_MESSAGE
from linkage.contracts.paper import BOOK, BOOK_PREFIX, ORDER_PREFIX, PaperRequest
from linkage.domain.ids import FIRST_PARTY_BOT
from linkage.domain.paper import COST_WINDOW, Bar, Book, PaperOrder, Report, Rules, chance
from linkage.domain.paper_venue import play
from linkage.ports.clock import Clock
from linkage.ports.market import Candles, MarketData
from linkage.ports.paper import PaperStore
from linkage.ports.queue import EventQueue

MAX_BARS = 2000


@dataclass(frozen=True, slots=True)
class Ports:
    """What the broker works with."""

    store: PaperStore
    market: MarketData
    queue: EventQueue
    clock: Clock


@dataclass(frozen=True, slots=True)
class Venue:
    """Which venue and account this is, and what its chance is seeded with.

    Attributes:
        rules: how it trades.
        duplicate_rate: share of its messages that come twice. reorder_rate: that come out of their order.
    """

    venue: str
    account: str
    seed: int
    interval_seconds: int = 300
    rules: Rules = field(default_factory=Rules)
    duplicate_rate: float = 0.05
    reorder_rate: float = 1.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch of the stream: orders that are new, and signals that are no orders of ours."""

    accepted: int
    repeated: int
    ignored: int


@dataclass(frozen=True, slots=True)
class Executed:
    """What a run did."""

    orders: int
    bars: int
    events: int
    books: int


def take_signals(images: Iterable[Mapping[str, str]], venue: Venue, ports: Ports) -> Taken:
    """Save each sent signal of our own strategy as an order that is to be placed.

    Args:
        images: string attributes of the table's items, as the stream brings them.

    Raises:
        StoreUnavailableError: the batch has to be redelivered; what was saved stays.
    """
    accepted = repeated = ignored = 0
    for image in images:
        request = _request(image, venue)
        if request is None:
            ignored += 1
        elif ports.store.add(
            ORDER_PREFIX + request.client_order_id,
            body=request.model_dump_json(),
            stored_at=ports.clock.now(),
        ):
            accepted += 1
        else:
            repeated += 1
    return Taken(accepted, repeated, ignored)


def execute_orders(scheduled_at: datetime, venue: Venue, ports: Ports) -> Executed:
    """Play all bars that closed by ``scheduled_at`` and send what the venue reports.

    Raises:
        RetryableError: a store, the market or the queue is unavailable, or another run was faster.
    """
    books, waiting = _read(venue, ports)
    for symbol in waiting:
        books.setdefault(symbol, (Book(symbol), 0))
    closed = datetime.fromtimestamp(
        int(scheduled_at.timestamp()) // venue.interval_seconds * venue.interval_seconds, UTC
    )
    starts = {
        symbol: start
        for symbol, (book, _) in books.items()
        if (start := _start(book, waiting.get(symbol, ()))) is not None
    }
    bars = _bars(starts, closed, venue, ports)
    executed = Executed(0, 0, 0, 0)
    for symbol, (book, version) in sorted(books.items()):
        orders = waiting.get(symbol, ())
        if book.outbox or orders or bars.get(symbol):
            one = _move(book, version, orders, bars.get(symbol, ()), venue, ports)
            executed = Executed(
                executed.orders + one.orders,
                executed.bars + one.bars,
                executed.events + one.events,
                executed.books + 1,
            )
    return executed


def _move(
    book: Book,
    version: int,
    orders: Sequence[PaperOrder],
    bars: Sequence[Bar],
    venue: Venue,
    ports: Ports,
) -> Executed:
    name = BOOK_PREFIX + book.symbol
    if book.outbox:
        ports.queue.send(book.outbox)
    after, reports = play(replace(book, outbox=[]), orders, bars, seed=venue.seed, rules=venue.rules)
    after.outbox = _messages(reports, venue)
    now = ports.clock.now()
    ports.store.save(name, body=BOOK.dump_json(after).decode(), version=version, stored_at=now)
    if after.outbox:
        ports.queue.send(after.outbox)
        emptied = replace(after, outbox=[])
        ports.store.save(name, body=BOOK.dump_json(emptied).decode(), version=version + 1, stored_at=now)
    for order in orders:
        ports.store.remove(f"{ORDER_PREFIX}{order.client_order_id}")
    return Executed(len(orders), len(bars), len(reports), 1)


def _request(image: Mapping[str, str], venue: Venue) -> PaperRequest | None:
    if image.get("kind") != "signal" or image.get("disposition") != "sent":
        return None
    if image.get("bot_id") != FIRST_PARTY_BOT:
        return None
    try:
        fact: Any = json.loads(image["body"])
        request = PaperRequest.model_validate(fact)
    except (KeyError, ValueError, ValidationError):
        # The archive quarantines it with its reason; a second report from here would say nothing new.
        return None
    if fact.get("account") not in (None, venue.account) or fact.get("venue") not in (None, venue.venue):
        return None
    return request


def _read(venue: Venue, ports: Ports) -> tuple[dict[str, tuple[Book, int]], dict[str, list[PaperOrder]]]:
    books: dict[str, tuple[Book, int]] = {}
    waiting: dict[str, list[PaperOrder]] = {}
    for item in ports.store.items():
        if item.name.startswith(BOOK_PREFIX):
            book = BOOK.validate_json(item.body)
            books[book.symbol] = (book, item.version)
        elif item.name.startswith(ORDER_PREFIX):
            order = PaperRequest.model_validate_json(item.body)
            waiting.setdefault(order.symbol, []).append(order.order(venue.account))
    return books, waiting


def _start(book: Book, orders: Sequence[PaperOrder]) -> datetime | None:
    """Return from when on bars matter to a book; None when none do."""
    earliest = min((order.placed_at for order in orders), default=None)
    if not book.is_idle or earliest is None:
        return None if book.is_idle else book.until
    return earliest if book.until is None else max(earliest, book.until)


def _bars(
    starts: Mapping[str, datetime], closed: datetime, venue: Venue, ports: Ports
) -> dict[str, list[Bar]]:
    due = {symbol: start - COST_WINDOW for symbol, start in starts.items() if start < closed}
    if not due:
        return {}
    seconds = (closed - min(due.values())).total_seconds()
    count = min(MAX_BARS, max(1, -int(-seconds // venue.interval_seconds)))
    candles = ports.market.candles(
        sorted(due), as_of=closed, bars=count, interval_seconds=venue.interval_seconds
    )
    return {symbol: bars_of(candles, row, due[symbol]) for row, symbol in enumerate(candles.symbols)}


def bars_of(candles: Candles, row: int, start: datetime) -> list[Bar]:
    """Return the bars of one row that start at ``start`` or later, without what the market lacks."""
    length = timedelta(seconds=candles.interval_seconds)
    first = int(start.timestamp())
    columns = (candles.opens, candles.highs, candles.lows, candles.closes, candles.volumes)
    bars: list[Bar] = []
    values_of_row = (column[row].tolist() for column in columns)
    for epoch, *values in zip(candles.times.tolist(), *values_of_row, strict=True):
        if epoch >= first and all(value == value for value in values):  # NaN is a bar that never was
            moment = datetime.fromtimestamp(epoch, UTC)
            bars.append(Bar(moment, moment + length, *(Decimal(f"{value:.12g}") for value in values)))
    return bars


def _messages(reports: Sequence[Report], venue: Venue) -> list[str]:
    """Return the reports as queue messages, some twice and not in their order, as venues send them."""
    bodies: list[dict[str, Any]] = []
    for report in reports:
        known = {name: value for name, value in report.items() if value is not None}
        event = EVENT.validate_python({**known, "venue": venue.venue, "account": venue.account})
        bodies.append(event.model_dump(mode="json", by_alias=True, exclude_none=True))
    texts = [json.dumps(body, separators=(",", ":")) for body in bodies]
    texts += [text for text in texts if chance(venue.seed, "again", text) < venue.duplicate_rate]
    positions = [
        chance(venue.seed, "order", text)
        if chance(venue.seed, "moved", text) < venue.reorder_rate
        else position / len(texts)
        for position, text in enumerate(texts)
    ]
    texts = [text for _, text in sorted(zip(positions, texts, strict=True))]
    return [
        "[" + ",".join(texts[start : start + MAX_EVENTS_PER_MESSAGE]) + "]"
        for start in range(0, len(texts), MAX_EVENTS_PER_MESSAGE)
    ]
