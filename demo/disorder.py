"""The disorder of a replay: manual orders, deliveries that are late, repeated and out of order, and one
order of ours whose signal arrives last of all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Literal
from uuid import UUID

from demo import foreign as other
from demo.foreign import ForeignTrade
from demo.market import PreparedMarket
from linkage.contracts.events import MAX_EVENTS_PER_MESSAGE, SCHEMA
from linkage.domain.canonical import iso_utc
from linkage.ports.queue import EventQueue
from linkage.strategy.decisions import Decision

FEE_RATE = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order that a venue reports on its own: placed by hand, or before its signal is posted.

    Attributes:
        placed_at: aware UTC; it fills ten seconds later.
        price: in the quote currency; quantity: in the base currency.
        origin: None where the venue does not report it.
    """

    order_id: str
    client_order_id: str | None
    venue: str
    account: str
    symbol: str
    side: Literal["buy", "sell"]
    placed_at: datetime
    price: Decimal
    quantity: Decimal
    origin: str | None = None
    executed: bool = True

    def events(self) -> list[dict[str, Any]]:
        """Return the venue's events of it, in order of time."""
        common = {
            "schema": SCHEMA,
            "venue": self.venue,
            "account": self.account,
            "order_id": self.order_id,
            "client_order_id": self.client_order_id,
            "symbol": self.symbol,
            "side": self.side,
            "origin": self.origin,
            "ingest_via": "stream",
        }
        common = {name: value for name, value in common.items() if value is not None}
        order = {
            **common,
            "type": "order",
            "order_type": "market",
            "size": str(self.quantity),
            "created_at": iso_utc(self.placed_at),
        }
        opened = {**order, "status": "open", "venue_status": "OPEN", "updated_at": iso_utc(self.placed_at)}
        if not self.executed:
            rejected_at = iso_utc(self.placed_at + timedelta(seconds=1))
            rejected = {**order, "status": "rejected", "venue_status": "REJECTED", "updated_at": rejected_at}
            return [opened, rejected]
        executed_at = iso_utc(self.placed_at + timedelta(seconds=10))
        fill = {
            **common,
            "type": "fill",
            "fill_id": f"{self.order_id}-1",
            "kind": "FILL",
            "price": str(self.price),
            "quantity": str(self.quantity),
            "quantity_unit": "base",
            "fee": f"{self.price * self.quantity * FEE_RATE:.12f}",
            "fee_currency": self.symbol.rpartition("-")[2],
            "liquidity": "taker",
            "executed_at": executed_at,
        }
        filled = {**order, "status": "filled", "venue_status": "FILLED", "updated_at": executed_at}
        return [opened, fill, filled]


class Deliveries:
    """Delivers events late, several times and in any order, as queues and venues do.

    Args:
        queue: where fills and order events go.
        seed: of what is held back, repeated and reordered.
    """

    def __init__(self, queue: EventQueue, *, seed: int) -> None:
        self._queue = queue
        self._random = Random(seed)  # noqa: S311 - a repeatable disorder, nothing secret
        self._held: list[dict[str, Any]] = []
        self.duplicates = 0

    def add(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take events; about a third of them twice."""
        for event in events:
            copies = 2 if self._random.random() < 0.33 else 1
            self.duplicates += copies - 1
            self._held += [dict(event) for _ in range(copies)]

    def repeat(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Take events that have been delivered before."""
        self.duplicates += len(events)
        self._held += [dict(event) for event in events]

    def deliver(self, *, all_of_them: bool = False) -> int:
        """Send some of what is held, or all; return how many events."""
        self._random.shuffle(self._held)
        count = len(self._held) if all_of_them else (len(self._held) + 1) // 2
        chosen, self._held = self._held[:count], self._held[count:]
        bodies = []
        while chosen:
            size = self._random.choice((1, 2, 5, MAX_EVENTS_PER_MESSAGE))
            part, chosen = chosen[:size], chosen[size:]
            bodies.append(json.dumps(part if len(part) > 1 else part[0]))
        if bodies:
            self._queue.send(bodies)
        return count


def manual_orders(
    market: PreparedMarket, foreign: Sequence[ForeignTrade], *, venue: str, account: str, seed: int
) -> list[tuple[datetime, VenueOrder]]:
    """Return orders that people place by hand, each with the run before which it happens.

    Some are on our own account, with and without a client order id of the venue's application, which
    has the shape of a UUID. Others are on the foreign bot's account: after the venue rejected an order of
    the bot, its owner places one for the same symbol and side.
    """
    random = Random(seed)  # noqa: S311 - a repeatable plan, nothing secret
    planned: list[tuple[datetime, VenueOrder]] = []
    for number, run in enumerate(sorted(random.sample(list(market.runs[:-2]), 8))):
        symbol = random.choice(market.symbols)
        price = market.price(symbol, run)
        if price is None:
            continue
        key = str(UUID(int=random.getrandbits(128), version=4)) if number % 2 else None
        order = VenueOrder(
            order_id=str(UUID(int=random.getrandbits(128), version=4)),
            client_order_id=key,
            venue=venue,
            account=account,
            symbol=symbol,
            side=random.choice(("buy", "sell")),
            placed_at=run + timedelta(seconds=random.randrange(1, 200)),
            price=price,
            quantity=Decimal(f"{Decimal('0.01') / price:.6g}"),
            origin="manual" if number % 4 < 2 else None,
        )
        planned.append((run, order))
    return planned + _after_rejections(foreign, random)


def _after_rejections(foreign: Sequence[ForeignTrade], random: Random) -> list[tuple[datetime, VenueOrder]]:
    return [
        (
            trade.decided_at,
            VenueOrder(
                order_id=str(UUID(int=random.getrandbits(128), version=4)),
                client_order_id=None,
                venue=other.VENUE,
                account=other.ACCOUNT,
                symbol=trade.symbol,
                side=trade.side,
                placed_at=trade.decided_at + timedelta(seconds=60),
                price=trade.price,
                quantity=trade.quantity,
                origin="manual",
            ),
        )
        for trade in foreign
        if trade.course == "rejected"
    ]


def order_of(decision: Decision, key: str, *, venue: str, account: str, order_id: str) -> VenueOrder:
    """Return the order that a decision of ours leads to, as its venue reports it."""
    quantity = decision.quantity
    if quantity is None:
        assert decision.notional is not None, "a decision has a quantity or a notional"
        quantity = Decimal(f"{decision.notional / decision.price:.6g}")
    return VenueOrder(
        order_id=order_id,
        client_order_id=key,
        venue=venue,
        account=account,
        symbol=decision.symbol,
        side=decision.side,
        placed_at=decision.decided_at + timedelta(seconds=2),
        price=decision.price,
        quantity=quantity,
    )
