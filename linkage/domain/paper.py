"""What a venue on paper knows: its rules, the bars, orders, lots and books. ``paper_venue`` moves them on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID, uuid5

from linkage.domain.errors import ConfigurationError

PAPER_NAMESPACE = UUID("2c0c7f0c-5b1b-5a2f-9d58-1f7a6d3e8b90")
QUANTUM = Decimal("1e-8")
COST_WINDOW = timedelta(hours=1)
"""What a taker pays beyond the price follows from the bars of so much time before."""

REMEMBERED = timedelta(days=2)
"""How long a book knows the keys that it has had; a stream repeats itself for one day at most."""

_BOUNDS: Mapping[str, tuple[Decimal, Decimal]] = {
    name: (Decimal(least), Decimal(most))
    for least, most, names in (
        ("-1", "1", ("maker_fee", "taker_fee")),  # a maker may be paid
        ("0", "1", ("participation", "unknown_range", "refuse_chance", "split_chance", "cumulative_chance")),
        ("0", "100", ("spread", "slippage")),
        ("1e-18", "1e9", ("size_step",)),
        ("0", "1e9", ("price_step", "replace_after", "replacements")),
        ("1", "1e9", ("resting_bars",)),
    )
    for name in names
}

Report = dict[str, str | bool | None]
"""An order event or a fill, with the names of the wire models; venue and account are still missing."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How the venue behaves. Chances and shares are fractions of 1.

    Attributes:
        maker_fee, taker_fee: of the notional.
        spread: between bid and ask, of the mean range of the hour before; a taker pays half of it.
        slippage: what taking a whole bar's volume at once would move the price, of the same range.
        unknown_range: of the price, where the hour before has no bar.
        participation: of the bar's volume, at most, that one order gets.
        size_step: every size is a multiple of it. price_step: likewise of limits; zero is any.
        least_notional: by quote currency, in that currency; others have none.
        refuse_chance: of an order at its arrival. split_chance: of an order to fill over several bars.
        cumulative_chance: of an order to be reported cumulatively as well.
        resting_bars: after which an order expires.
        replace_after: bars after which a resting limit order is replaced by one at the last close; zero is
            never. replacements: how often, for one signal.
    """

    maker_fee: Decimal = Decimal("0.0025")
    taker_fee: Decimal = Decimal("0.004")
    spread: Decimal = Decimal("0.1")
    slippage: Decimal = Decimal("0.5")
    unknown_range: Decimal = Decimal("0.004")
    participation: Decimal = Decimal("0.1")
    size_step: Decimal = QUANTUM
    price_step: Decimal = Decimal(0)
    least_notional: Mapping[str, Decimal] = field(
        default_factory=lambda: {"BTC": Decimal("0.00001"), "ETH": Decimal("0.0001"), "USD": Decimal(1)}
    )
    refuse_chance: float = 0.03
    split_chance: float = 0.3
    cumulative_chance: float = 0.5
    resting_bars: int = 12
    replace_after: int = 4
    replacements: int = 1

    def __post_init__(self) -> None:
        """Refuse what no venue does.

        Raises:
            ConfigurationError: names the rule.
        """
        for name, (least, most) in _BOUNDS.items():
            if not least <= getattr(self, name) <= most:
                raise ConfigurationError(f"{name}: must be from {least:f} to {most:f}", field=name)
        for currency, notional in self.least_notional.items():
            if notional < 0:
                name = f"least_notional.{currency}"
                raise ConfigurationError(f"{name}: must not be negative", field=name)


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
        reference: price at which a market order was decided, for its least notional.
        take_profit, stop_loss: prices of the exits that the venue attaches to a filled entry.
        replaces_order_id: the order whose place it took. replacements: how many came before it.
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
    reference: Decimal | None = None
    replaces_order_id: str | None = None
    replacements: int = 0

    @property
    def quote(self) -> str:
        """The currency of its prices."""
        return self.symbol.partition(":")[0].rpartition("-")[2]

    @property
    def order_type(self) -> str:
        """The venue's name for this kind of order."""
        if self.trigger == "stop_loss":
            return "stop"
        return "market" if self.limit is None else "limit"


@dataclass(slots=True)
class Lot:
    """What an entry bought and nobody has sold yet, with the exits that the venue watches.

    Attributes:
        since: its exits can be hit in bars that start then or later.
        stopped: the stop was hit, and sells what remains at any price.
    """

    remaining: Decimal
    since: datetime
    stop: PaperOrder | None = None
    target: PaperOrder | None = None
    stopped: bool = False


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


def mean_bar(before: Sequence[Bar]) -> tuple[Decimal, Decimal] | None:
    """Return the mean range, as a fraction of the close, and the mean volume; None without a bar."""
    if not before:
        return None
    ranges = sum(((bar.high - bar.low) / bar.close for bar in before), Decimal(0))
    volumes = sum((bar.volume for bar in before), Decimal(0))
    return ranges / len(before), volumes / len(before)
