"""Moves the books of a venue on paper: orders rest, fill in parts, are refused, replaced and expire.

One book for each symbol moves on bar by bar. What happens is a function of the book, the bars and a seed,
so a book that is moved on twice over the same bars says the same, down to the ids. Nothing that happens in
a bar depends on a later one; what a taker pays follows from bars that had closed before.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Literal
from uuid import UUID, uuid5

from linkage.domain.canonical import iso_utc
from linkage.domain.paper import (
    COST_WINDOW,
    QUANTUM,
    REMEMBERED,
    Bar,
    Book,
    Lot,
    PaperOrder,
    Report,
    Rules,
    chance,
    mean_bar,
)


def play(
    book: Book, orders: Sequence[PaperOrder], bars: Iterable[Bar], *, seed: int, rules: Rules | None = None
) -> tuple[Book, list[Report]]:
    """Take new orders, play the bars, and return the book after it with all that the venue reports.

    Args:
        book: as it was; it is not changed.
        orders: new ones; those that the book has had are ignored.
        bars: closed ones, oldest first. Those that the book has seen say what a taker pays, and nothing
            else. A bar plays for an order only when it starts at or after the order's time, so nothing
            fills inside its signal's bar.
        seed: of everything that is left to chance.
    """
    venue = Venue(copy.deepcopy(book), seed, rules or Rules())
    venue.play(orders, bars)
    return venue.book, venue.reports


class Venue:
    """One book on the move.

    Attributes:
        book: as it is. reports: what the venue has said so far, in the order in which it happened.
    """

    def __init__(self, book: Book, seed: int, rules: Rules) -> None:
        self.book = book
        self.reports: list[Report] = []
        self._seed = seed
        self._rules = rules
        self._before: deque[Bar] = deque()

    def play(self, orders: Sequence[PaperOrder], bars: Iterable[Bar]) -> None:
        """Take orders and bars as they come in time; see ``play``."""
        waiting = deque(sorted(orders, key=lambda order: (order.placed_at, order.order_id)))
        played = None
        for bar in bars:
            if self.book.until is None or bar.start >= self.book.until:
                while waiting and waiting[0].placed_at <= bar.start:
                    self._accept(copy.copy(waiting.popleft()))
                self.book.until = played = bar.end
                if not self.book.is_idle:
                    self._play_bar(bar)
            self._before.append(bar)
        for order in waiting:
            self._accept(copy.copy(order))
        if played is not None:
            known = self.book.seen
            self.book.seen = {key: at for key, at in known.items() if at >= played - REMEMBERED}

    def _accept(self, order: PaperOrder) -> None:
        key = order.client_order_id or order.order_id
        if key in self.book.seen:
            return
        self.book.seen[key] = order.placed_at
        arrived = self._created_at(order)
        if order.side == "sell":
            # Who wants to sell does not go on buying; what was bought so far can be sold.
            for other in [resting for resting in self.book.orders if resting.side == "buy"]:
                self._end(other, "cancelled", "CANCELLED", max(arrived, self._created_at(other)))
        refusal = self._refusal(order)
        if refusal is None and order.side == "sell":
            order.size = min(order.size, self.book.position - self._being_sold())
            if order.size <= 0:
                order.size = Decimal(0)
                refusal = "INSUFFICIENT_BALANCE"
        if refusal is not None:
            self._report(order, "rejected", refusal, arrived)
        else:
            self._report(order, "open", "OPEN", arrived)
            self.book.orders.append(order)

    def _refusal(self, order: PaperOrder) -> str | None:
        rules, price = self._rules, order.limit or order.reference
        if order.size <= 0:
            return "INVALID_SIZE"
        if order.size % rules.size_step:
            return "INVALID_SIZE_PRECISION"
        if order.limit is not None and rules.price_step and order.limit % rules.price_step:
            return "INVALID_PRICE_PRECISION"
        if price is not None and order.size * price < rules.least_notional.get(order.quote, Decimal(0)):
            return "BELOW_MINIMUM_SIZE"
        if self._chance(order, "refuse") < rules.refuse_chance:
            return "INVALID_ORDER"
        return None

    def _play_bar(self, bar: Bar) -> None:
        while self._before and self._before[0].start < bar.start - COST_WINDOW:
            self._before.popleft()
        for order in list(self.book.orders):
            if order.placed_at <= bar.start:
                self._play_order(order, bar)
        for lot in list(self.book.lots):
            if lot.since <= bar.start:
                self._play_exits(lot, bar)

    def _play_order(self, order: PaperOrder, bar: Bar) -> None:
        order.waited += 1
        remaining = order.size - order.filled
        if order.side == "sell":
            remaining = min(remaining, self.book.position)
            if remaining <= 0:
                self._end(order, "cancelled", "NO_POSITION", bar.end)
                return
        quantity = self._available(bar, remaining)
        if order.waited == 1 and self._chance(order, "split") < self._rules.split_chance:
            quantity = min(quantity, (order.size * Decimal("0.6")).quantize(QUANTUM, ROUND_DOWN))
        price, liquidity = self._price(order, quantity, bar)
        if price is not None and quantity > 0:
            self._fill(order, price, quantity, liquidity, bar)
            if order.side == "sell":
                self._take_from_lots(quantity, bar)
        if order.filled >= order.size:
            self._end(order, "filled", "FILLED", bar.end)
        elif order.side == "sell" and self.book.position <= 0:
            self._end(order, "cancelled", "NO_POSITION", bar.end)
        elif order.waited >= self._rules.resting_bars:
            self._end(order, "expired", "EXPIRED", bar.end)
        elif self._is_to_be_replaced(order, bar):
            self._replace(order, bar)

    def _available(self, bar: Bar, wanted: Decimal) -> Decimal:
        return min(wanted, bar.volume * self._rules.participation).quantize(QUANTUM, ROUND_DOWN)

    def _price(self, order: PaperOrder, quantity: Decimal, bar: Bar) -> tuple[Decimal | None, str]:
        if order.limit is None:
            return self._taken(order, bar.open, quantity), "taker"
        buys = order.side == "buy"
        if order.waited == 1 and (bar.open <= order.limit if buys else bar.open >= order.limit):
            taken = self._taken(order, bar.open, quantity)
            return (min(taken, order.limit) if buys else max(taken, order.limit)), "taker"
        # A resting order is served when the price went through it, not when it only touched it.
        if (bar.low < order.limit) if buys else (bar.high > order.limit):
            return (min(bar.open, order.limit) if buys else max(bar.open, order.limit)), "maker"
        return None, ""

    def _taken(self, order: PaperOrder, price: Decimal, quantity: Decimal) -> Decimal:
        """Return what a taker gets: half the spread, and an impact by the square root of his share.

        The square root is the usual law of market impact (e.g. Almgren and others, "Direct Estimation of
        Equity Market Impact", 2005, whose exponent of 0.6 is near it); the noise is half to one and a half.
        """
        mean = mean_bar(self._before)
        range_, volume = (self._rules.unknown_range, Decimal(0)) if mean is None else mean
        share = min(quantity / volume, Decimal(1)) if volume else Decimal(1)
        noise = Decimal("0.5") + _decimal(self._chance(order, "slip", order.fills))
        cost = range_ * (self._rules.spread / 2 + self._rules.slippage * share.sqrt() * noise)
        cost = min(cost, Decimal("0.5"))
        return _rounded(price * (1 + cost if order.side == "buy" else 1 - cost))

    def _is_to_be_replaced(self, order: PaperOrder, bar: Bar) -> bool:
        rules = self._rules
        if order.limit is None or not rules.replace_after or order.replacements >= rules.replacements:
            return False
        if order.waited < rules.replace_after or order.limit == bar.close:
            return False
        # Beyond its exits there is nothing left to wait for.
        return not (
            (order.take_profit is not None and bar.close >= order.take_profit)
            or (order.stop_loss is not None and bar.close <= order.stop_loss)
        )

    def _replace(self, order: PaperOrder, bar: Bar) -> None:
        successor = PaperOrder(
            order_id=str(uuid5(UUID(order.order_id), "replaced")),
            client_order_id=None,
            symbol=order.symbol,
            side=order.side,
            size=order.size - order.filled,
            placed_at=bar.end,
            limit=bar.close,
            take_profit=order.take_profit,
            stop_loss=order.stop_loss,
            replaces_order_id=order.order_id,
            replacements=order.replacements + 1,
        )
        self._end(order, "cancelled", "REPLACED", bar.end)
        self._report(successor, "open", "OPEN", bar.end)
        self.book.orders.append(successor)

    def _play_exits(self, lot: Lot, bar: Bar) -> None:
        stop, target = lot.stop, lot.target
        if stop is not None and stop.limit is not None and (lot.stopped or bar.low <= stop.limit):
            price = bar.open if lot.stopped else min(bar.open, stop.limit)
            if not lot.stopped and target is not None:
                self._report(target, "cancelled", "OCO", bar.end)
                lot.target = None
            lot.stopped = True
            quantity = self._available(bar, lot.remaining)
            self._exit(lot, stop, self._taken(stop, price, quantity), "taker", quantity, bar)
        elif target is not None and target.limit is not None and bar.high > target.limit:
            quantity = self._available(bar, lot.remaining)
            self._exit(lot, target, max(bar.open, target.limit), "maker", quantity, bar)

    def _exit(
        self, lot: Lot, hit: PaperOrder, price: Decimal, liquidity: str, quantity: Decimal, bar: Bar
    ) -> None:
        if quantity <= 0:
            return
        lot.remaining -= quantity
        self._fill(hit, price, quantity, liquidity, bar)
        if lot.remaining > 0:
            return
        hit.size = hit.filled
        self._report(hit, "filled", "FILLED", bar.end)
        other = lot.target if hit is lot.stop else lot.stop
        if other is not None:
            self._report(other, "cancelled", "OCO", bar.end)
        self.book.lots.remove(lot)

    def _fill(self, order: PaperOrder, price: Decimal, quantity: Decimal, liquidity: str, bar: Bar) -> None:
        first = quantity
        if self._chance(order, "twice", order.fills) < self._rules.split_chance:
            first = (quantity * Decimal("0.45")).quantize(QUANTUM, ROUND_DOWN) or quantity
        for part in (first, quantity - first):
            if part > 0:
                self._fill_once(order, price, part, liquidity, bar)

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
        currency = order.quote
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
                        self._report(attached, "cancelled", "POSITION_CLOSED", bar.end)
                self.book.lots.remove(lot)
            if quantity <= 0:
                return

    def _end(self, order: PaperOrder, status: str, venue_status: str, at: datetime) -> None:
        self._report(order, status, venue_status, at)
        self.book.orders.remove(order)
        if order.side == "buy" and order.filled > 0:
            self._attach_exits(order, at)

    def _attach_exits(self, entry: PaperOrder, at: datetime) -> None:
        lot = Lot(entry.filled, self.book.until or at)
        if entry.stop_loss is not None:
            lot.stop = self._attached(entry, "stop_loss", entry.stop_loss, at)
        if entry.take_profit is not None:
            lot.target = self._attached(entry, "take_profit", entry.take_profit, at)
        self.book.lots.append(lot)

    def _attached(
        self, entry: PaperOrder, trigger: Literal["take_profit", "stop_loss"], price: Decimal, at: datetime
    ) -> PaperOrder:
        child = PaperOrder(
            order_id=str(uuid5(UUID(entry.order_id), trigger)),
            client_order_id=None,
            symbol=entry.symbol,
            side="sell",
            size=entry.filled,
            placed_at=at,
            limit=price,
            parent_order_id=entry.order_id,
            trigger=trigger,
        )
        self._report(child, "open", "OPEN", at)
        return child

    def _being_sold(self) -> Decimal:
        waiting = (order.size - order.filled for order in self.book.orders if order.side == "sell")
        return sum(waiting, Decimal(0))

    def _report(self, order: PaperOrder, status: str, venue_status: str, at: datetime) -> None:
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
            "replaces_order_id": order.replaces_order_id,
            "symbol": order.symbol,
            "side": order.side,
        }

    def _chance(self, order: PaperOrder, *what: object) -> float:
        # By what is ordered and when, not by ids: two parameter sets that order the same have the same luck.
        ordered = (order.symbol, order.side, order.trigger or "", iso_utc(order.placed_at))
        return chance(self._seed, *ordered, *what)


def _text(value: Decimal) -> str:
    return format(value.normalize(), "f")


def _decimal(value: float) -> Decimal:
    return Decimal(f"{value:.6f}")


def _rounded(price: Decimal) -> Decimal:
    return Decimal(f"{price:.10g}")
