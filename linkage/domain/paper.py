"""A venue on paper: orders rest, fill in parts, are refused, expire, and have stops and targets.

One book for each symbol moves on bar by bar. What happens is a function of the book, the bar and a seed,
so a book that is moved on twice over the same bars says the same, down to the ids.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Literal
from uuid import UUID, uuid5

from linkage.domain.times import iso_utc

PAPER_NAMESPACE = UUID("2c0c7f0c-5b1b-5a2f-9d58-1f7a6d3e8b90")
QUANTUM = Decimal("1e-8")
REMEMBERED = timedelta(days=2)
"""How long a book knows the keys that it has had; a stream repeats itself for one day at most."""

Report = dict[str, str | bool | None]
"""An order event or a fill, with the names of the wire models; venue and account are still missing."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How the venue behaves. Chances and shares are fractions of 1.

    Attributes:
        maker_fee, taker_fee: of the notional.
        slippage: of the bar's range, at most, against the order.
        participation: of the bar's volume, at most, that one order gets.
        refuse_chance: of an order at its arrival. split_chance: of an order to fill over several bars.
        cumulative_chance: of an order to be reported cumulatively as well.
        resting_bars: after which a limit order expires.
    """

    maker_fee: Decimal = Decimal("0.0025")
    taker_fee: Decimal = Decimal("0.004")
    slippage: Decimal = Decimal("0.2")
    participation: Decimal = Decimal("0.1")
    refuse_chance: float = 0.03
    split_chance: float = 0.3
    cumulative_chance: float = 0.5
    resting_bars: int = 12


@dataclass(frozen=True, slots=True)
class Bar:
    """One closed bar: times in aware UTC, prices in the quote currency, volume in the base currency."""

    start: datetime
    end: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(slots=True)
class PaperOrder:
    """An order of the venue, from a signal or attached to one.

    Attributes:
        size, filled: in the base currency. cost, fees: in the quote currency.
        limit: price of a limit order; None for a market order.
        take_profit, stop_loss: prices of the exits that the venue attaches to a filled entry.
        fills: how many there were. waited: how many bars it has been resting.
    """

    order_id: str
    client_order_id: str | None
    symbol: str
    side: Literal["buy", "sell"]
    size: Decimal
    placed_at: datetime
    limit: Decimal | None = None
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    parent_order_id: str | None = None
    trigger: Literal["take_profit", "stop_loss"] | None = None
    filled: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    fills: int = 0
    waited: int = 0

    @property
    def order_type(self) -> str:
        """The venue's name for this kind of order."""
        if self.trigger == "stop_loss":
            return "stop"
        return "market" if self.limit is None else "limit"


@dataclass(slots=True)
class Lot:
    """What an entry bought and nobody has sold yet, with the exits that the venue watches.

    ``since``: its exits can be hit in bars that start then or later.
    """

    remaining: Decimal
    since: datetime
    stop: PaperOrder | None = None
    target: PaperOrder | None = None


@dataclass(slots=True)
class Book:
    """All that the venue knows of one symbol.

    Attributes:
        until: end of the last bar that was played.
        seen: keys of the orders it has had, to when they were placed.
        outbox: messages that are to be sent, each JSON text.
    """

    symbol: str
    until: datetime | None = None
    orders: list[PaperOrder] = field(default_factory=list)
    lots: list[Lot] = field(default_factory=list)
    seen: dict[str, datetime] = field(default_factory=dict)
    outbox: list[str] = field(default_factory=list)

    @property
    def is_idle(self) -> bool:
        """Tell whether no bar can change anything."""
        return not self.orders and not self.lots

    @property
    def position(self) -> Decimal:
        """What can be sold, in the base currency."""
        return sum((lot.remaining for lot in self.lots), Decimal(0))


def order_id_of(account: str, client_order_id: str, leg: str = "") -> str:
    """Return the venue's id of an order: the same for the same key."""
    return str(uuid5(PAPER_NAMESPACE, "\x1f".join((account, client_order_id, leg))))


def chance(seed: int, *what: object) -> float:
    """Return a number in [0, 1) that depends on nothing but its arguments."""
    digest = hashlib.sha256("\x1f".join((str(seed), *map(str, what))).encode()).digest()
    return int.from_bytes(digest[:6], "big") / float(1 << 48)


def play(
    book: Book, orders: Sequence[PaperOrder], bars: Sequence[Bar], *, seed: int, rules: Rules | None = None
) -> tuple[Book, list[Report]]:
    """Take new orders, play the bars, and return the book after it with all that the venue reports.

    Args:
        book: as it was; it is not changed.
        orders: new ones; those that the book has had are ignored.
        bars: closed ones, oldest first, that the book has not seen. A bar plays for an order only when it
            starts at or after the order's time, so nothing fills inside its signal's bar.
        seed: of everything that is left to chance.
    """
    venue = _Venue(copy.deepcopy(book), seed, rules or Rules())
    for order in sorted(orders, key=lambda one: (one.placed_at, one.order_id)):
        venue.accept(copy.copy(order))
    for bar in bars:
        venue.play(bar)
    if bars:
        venue.forget(bars[-1].end - REMEMBERED)
    return venue.book, venue.reports


class _Venue:
    def __init__(self, book: Book, seed: int, rules: Rules) -> None:
        self.book = book
        self.reports: list[Report] = []
        self._seed = seed
        self._rules = rules

    def accept(self, order: PaperOrder) -> None:
        key = order.client_order_id or order.order_id
        if key in self.book.seen:
            return
        self.book.seen[key] = order.placed_at
        arrived = self._created_at(order)
        if order.side == "sell":
            order.size = min(order.size, self.book.position - self._being_sold())
        if order.size <= 0:
            order.size = Decimal(0)
            self._tell(order, "rejected", "INSUFFICIENT_BALANCE", arrived)
        elif self._chance(order, "refuse") < self._rules.refuse_chance:
            self._tell(order, "rejected", "INVALID_ORDER", arrived)
        else:
            self._tell(order, "open", "OPEN", arrived)
            self.book.orders.append(order)

    def play(self, bar: Bar) -> None:
        for order in list(self.book.orders):
            if order.placed_at <= bar.start:
                self._play_order(order, bar)
        for lot in list(self.book.lots):
            if lot.since <= bar.start:
                self._play_exits(lot, bar)
        self.book.until = bar.end

    def forget(self, before: datetime) -> None:
        self.book.seen = {key: at for key, at in self.book.seen.items() if at >= before}

    def _play_order(self, order: PaperOrder, bar: Bar) -> None:
        order.waited += 1
        remaining = order.size - order.filled
        if order.side == "sell":
            remaining = min(remaining, self.book.position)
            if remaining <= 0:
                self._end(order, "cancelled", "NO_POSITION", bar)
                return
        price, liquidity = self._price(order, bar)
        if price is not None:
            quantity = min(remaining, bar.volume * self._rules.participation)
            if order.waited == 1 and self._chance(order, "split") < self._rules.split_chance:
                quantity = min(quantity, order.size * Decimal("0.6"))
            quantity = quantity.quantize(QUANTUM, ROUND_DOWN)
            if quantity > 0:
                self._fill(order, price, quantity, liquidity, bar)
        if order.filled >= order.size or (order.side == "sell" and self.book.position <= 0):
            self._end(order, "filled" if order.filled >= order.size else "cancelled", "DONE", bar)
        elif order.waited >= self._rules.resting_bars:
            self._end(order, "expired", "EXPIRED", bar)

    def _price(self, order: PaperOrder, bar: Bar) -> tuple[Decimal | None, str]:
        slip = (
            (bar.high - bar.low) * self._rules.slippage * _decimal(self._chance(order, "slip", order.waited))
        )
        if order.limit is None:
            worse = min(bar.open + slip, bar.high) if order.side == "buy" else max(bar.open - slip, bar.low)
            return worse, "taker"
        buys = order.side == "buy"
        if order.waited == 1 and (bar.open <= order.limit if buys else bar.open >= order.limit):
            return bar.open, "taker"
        # A resting order is served when the price went through it, not when it only touched it.
        if (bar.low < order.limit) if buys else (bar.high > order.limit):
            return (min(bar.open, order.limit) if buys else max(bar.open, order.limit)), "maker"
        return None, ""

    def _play_exits(self, lot: Lot, bar: Bar) -> None:
        stop, target = lot.stop, lot.target
        if stop is not None and stop.limit is not None and bar.low <= stop.limit:
            slip = (bar.high - bar.low) * self._rules.slippage * _decimal(self._chance(stop, "slip"))
            price = max(min(bar.open, stop.limit) - slip, bar.low)
            self._exit(lot, stop, price, "taker", bar)
        elif target is not None and target.limit is not None and bar.high >= target.limit:
            self._exit(lot, target, max(bar.open, target.limit), "maker", bar)

    def _exit(self, lot: Lot, hit: PaperOrder, price: Decimal, liquidity: str, bar: Bar) -> None:
        quantity, lot.remaining = lot.remaining, Decimal(0)
        hit.size = quantity
        self._fill(hit, price, quantity, liquidity, bar)
        self._tell(hit, "filled", "FILLED", bar.end)
        other = lot.target if hit is lot.stop else lot.stop
        if other is not None:
            self._tell(other, "cancelled", "OCO", bar.end)
        self.book.lots.remove(lot)

    def _fill(self, order: PaperOrder, price: Decimal, quantity: Decimal, liquidity: str, bar: Bar) -> None:
        first = quantity
        if self._chance(order, "twice", order.fills) < self._rules.split_chance:
            first = (quantity * Decimal("0.45")).quantize(QUANTUM, ROUND_DOWN) or quantity
        for part in (first, quantity - first):
            if part > 0:
                self._fill_once(order, price, part, liquidity, bar)
        if order.side == "sell" and order.trigger is None:
            self._take_from_lots(quantity, bar)

    def _fill_once(
        self, order: PaperOrder, price: Decimal, quantity: Decimal, liquidity: str, bar: Bar
    ) -> None:
        rate = self._rules.maker_fee if liquidity == "maker" else self._rules.taker_fee
        fee = (price * quantity * rate).quantize(Decimal("1e-12"), ROUND_DOWN)
        order.filled += quantity
        order.cost += price * quantity
        order.fees += fee
        order.fills += 1
        span = bar.end - bar.start
        # Later fills of one order in one bar come later in it.
        share = min(0.9, 0.02 + 0.1 * self._chance(order, "moment") + 0.05 * order.fills)
        executed_at = iso_utc(bar.start + timedelta(seconds=int(span.total_seconds() * share)))
        common = self._common(order, "fill")
        currency = order.symbol.partition(":")[0].rpartition("-")[2]
        self.reports.append(
            {
                **common,
                "fill_id": f"{order.order_id[:8]}-{order.fills}",
                "price": _text(price),
                "quantity": _text(quantity),
                "fee": _text(fee),
                "fee_currency": currency,
                "liquidity": liquidity,
                "executed_at": executed_at,
                "ingest_via": "poll",
            }
        )
        if self._chance(order, "cumulative") < self._rules.cumulative_chance:
            self.reports.append(
                {
                    **common,
                    "kind": "CUMULATIVE",
                    "client_order_id": order.client_order_id,
                    "cumulative_quantity": _text(order.filled),
                    "average_price": _text((order.cost / order.filled).quantize(Decimal("1e-16"))),
                    "total_fees": _text(order.fees),
                    "fee_currency": currency,
                    "executed_at": executed_at,
                    "ingest_via": "stream",
                }
            )

    def _take_from_lots(self, quantity: Decimal, bar: Bar) -> None:
        for lot in list(self.book.lots):
            taken = min(quantity, lot.remaining)
            lot.remaining -= taken
            quantity -= taken
            if lot.remaining <= 0:
                for attached in (lot.stop, lot.target):
                    if attached is not None:
                        self._tell(attached, "cancelled", "POSITION_CLOSED", bar.end)
                self.book.lots.remove(lot)
            if quantity <= 0:
                return

    def _end(self, order: PaperOrder, status: str, venue_status: str, bar: Bar) -> None:
        self._tell(order, status, "FILLED" if status == "filled" else venue_status, bar.end)
        self.book.orders.remove(order)
        if order.side == "buy" and order.filled > 0:
            self._attach_exits(order, bar)

    def _attach_exits(self, entry: PaperOrder, bar: Bar) -> None:
        lot = Lot(entry.filled, bar.end)
        if entry.stop_loss is not None:
            lot.stop = self._attached(entry, "stop_loss", entry.stop_loss, bar)
        if entry.take_profit is not None:
            lot.target = self._attached(entry, "take_profit", entry.take_profit, bar)
        self.book.lots.append(lot)

    def _attached(
        self, entry: PaperOrder, trigger: Literal["take_profit", "stop_loss"], price: Decimal, bar: Bar
    ) -> PaperOrder:
        child = PaperOrder(
            order_id=str(uuid5(UUID(entry.order_id), trigger)),
            client_order_id=None,
            symbol=entry.symbol,
            side="sell",
            size=entry.filled,
            placed_at=bar.end,
            limit=price,
            parent_order_id=entry.order_id,
            trigger=trigger,
        )
        self._tell(child, "open", "OPEN", bar.end)
        return child

    def _being_sold(self) -> Decimal:
        waiting = (one.size - one.filled for one in self.book.orders if one.side == "sell")
        return sum(waiting, Decimal(0))

    def _tell(self, order: PaperOrder, status: str, venue_status: str, at: datetime) -> None:
        self.reports.append(
            {
                **self._common(order, "order"),
                "client_order_id": order.client_order_id,
                "status": status,
                "venue_status": venue_status,
                "order_type": order.order_type,
                "trigger": order.trigger,
                "size": _text(order.size),
                "created_at": iso_utc(self._created_at(order)),
                "updated_at": iso_utc(max(at, self._created_at(order))),
                "ingest_via": "stream",
            }
        )

    def _created_at(self, order: PaperOrder) -> datetime:
        return order.placed_at + timedelta(milliseconds=200 + int(900 * self._chance(order, "arrival")))

    def _common(self, order: PaperOrder, kind: str) -> Report:
        return {
            "schema": "linkage.v1",
            "type": kind,
            "order_id": order.order_id,
            "parent_order_id": order.parent_order_id,
            "symbol": order.symbol,
            "side": order.side,
        }

    def _chance(self, order: PaperOrder, *what: object) -> float:
        return chance(self._seed, order.order_id, *what)


def _text(value: Decimal) -> str:
    return format(value.normalize(), "f")


def _decimal(value: float) -> Decimal:
    return Decimal(f"{value:.6f}")
