"""Lots: which exit closed which entry, and what that earned.

A **book** is one (bot, account, venue, instrument, position side); lots never leave it. Inside a book an
exit closes first the lots of the entry that it names as its parent, then those of its position id, then the
oldest ones. From flat to flat is an **episode**, the unit in which results are counted.

All arithmetic is exact. Where a cost has to be divided, each piece gets its share to 18 places and the last
one what is left, so that in every book::

    net P&L of all allocations + cash of open lots + cash of unmatched exits = cash flow

where cash is value received less value paid less known fees. ``matching`` makes them.

Rows, as the ledger keeps them (``fifo_allocations``, ``episodes``, ``open_lots``, ``unmatched_exits``): the
fields of ``Allocation``, ``Episode``, ``OpenLot`` and ``UnmatchedExit``, with the book's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import UUID

from linkage.domain.executions import CONTRACT_SIZE, EXACT, PRICE

Side = Literal["long", "short"]
PositionSide = Literal["long", "short", "net"]
MatchedBy = Literal["parent", "position", "fifo"]

_ZERO = Decimal(0)
_UNPRICED = frozenset((PRICE, CONTRACT_SIZE))
_NOTHING: frozenset[str] = frozenset()


def is_priced(missing: frozenset[str]) -> bool:
    """Return whether a P&L can be known although this is missing: fees may be, a price may not."""
    return not missing & _UNPRICED


class BookRules(NamedTuple):
    """What a venue lets one trade; less is dust.

    Attributes:
        quantity_step: the smallest quantity.
        minimum_notional: the smallest value of an order, in quote currency; None when there is none.
    """

    quantity_step: Decimal = Decimal("1e-8")
    minimum_notional: Decimal | None = None

    def is_dust(self, quantity: Decimal, price: Decimal | None) -> bool:
        """Return whether a quantity cannot be traded at a price."""
        if quantity < self.quantity_step:
            return True
        limit = self.minimum_notional
        return limit is not None and price is not None and EXACT.multiply(quantity, price) < limit


class Allocation(NamedTuple):
    """A closed piece of a lot: one entry execution against one exit execution.

    Attributes:
        kind: ``matched``; ``dust``: a rest that is too small to trade, closed for nothing with the last
            exit; ``residue``: money that an order moved without a quantity (entry and exit are that order).
        matched_by: what made the exit close this entry; None for dust and residue.
        side: of the lot.
        quantity: in base currency or contracts, of what the position changed by: fees in base are in it.
        entry_price, exit_price: as traded; None when unknown, and for the exit of dust.
        entry_value, exit_value: this piece's share of what was paid and received, in quote currency.
        entry_fee, exit_fee: its share of the fees, in quote currency, as far as they are known.
        gross_pnl: value received less value paid; None when a price or a contract size is missing.
        net_pnl: less the known fees; incomplete when ``missing`` names a fee.
        average_net_pnl: the same with the average cost of the position instead of this entry's.
        missing, sources: see ``executions.Execution``.
        opened_at, closed_at: when entry and exit were executed, aware UTC.
        episode_id: None for residue outside of any episode.
    """

    kind: Literal["matched", "dust", "residue"]
    matched_by: MatchedBy | None
    side: Side
    entry_order_id: str
    entry_execution_id: str
    exit_order_id: str
    exit_execution_id: str
    quantity: Decimal
    entry_price: Decimal | None
    exit_price: Decimal | None
    entry_value: Decimal
    exit_value: Decimal
    entry_fee: Decimal
    exit_fee: Decimal
    gross_pnl: Decimal | None
    net_pnl: Decimal | None
    average_net_pnl: Decimal | None
    missing: frozenset[str]
    sources: frozenset[str]
    opened_at: datetime
    closed_at: datetime
    episode_id: UUID | None


class OpenLot(NamedTuple):
    """What is left of one entry execution.

    Attributes:
        quantity, value, fee: what is open; ``value`` is its cost (long) or its proceeds (short).
        entered_quantity: what it was when it was opened.
    """

    side: Side
    order_id: str
    execution_id: str
    opened_at: datetime
    quantity: Decimal
    entered_quantity: Decimal
    price: Decimal | None
    value: Decimal
    fee: Decimal
    missing: frozenset[str]
    sources: frozenset[str]
    position_id: str | None
    episode_id: UUID

    @property
    def cash(self) -> Decimal:
        """What opening it brought, in quote currency: negative when something was bought."""
        received = self.value if self.side == "short" else EXACT.minus(self.value)
        return EXACT.subtract(received, self.fee)


class UnmatchedExit(NamedTuple):
    """An exit, or the rest of one, for which there was no lot. Its P&L is unknown, and not zero."""

    order_id: str
    execution_id: str
    side: str
    executed_at: datetime
    quantity: Decimal
    price: Decimal | None
    value: Decimal
    fee: Decimal
    missing: frozenset[str]
    sources: frozenset[str]
    parent_order_id: str | None

    @property
    def cash(self) -> Decimal:
        """What it brought, in quote currency."""
        received = self.value if self.side == "sell" else EXACT.minus(self.value)
        return EXACT.subtract(received, self.fee)


@dataclass(slots=True)
class Episode:
    """All entries and exits of a book from flat to flat.

    Attributes:
        entry_order_id: the first entry. exit_order_id: the last exit; None before there is one.
        closed_at: None while it is open; the figures are those of what is closed so far.
        entries, exits: executions.
        entered_quantity: of all entries. entry_value: what they were worth, in quote currency, closed or
            not: the notional to which a P&L is compared.
        exit_value, fees, gross_pnl, net_pnl, average_net_pnl: sums over its allocations, in quote
            currency; the P&L means nothing while ``is_priced`` is false.
        has_dust: a rest of it was closed as dust.
        is_boundary: nothing else happened in its book at the moment of its end.
    """

    episode_id: UUID
    side: Side
    opened_at: datetime
    entry_order_id: str
    entry_execution_id: str
    exit_order_id: str | None = None
    closed_at: datetime | None = None
    entries: int = 0
    exits: int = 0
    entered_quantity: Decimal = _ZERO
    entry_value: Decimal = _ZERO
    exit_value: Decimal = _ZERO
    fees: Decimal = _ZERO
    gross_pnl: Decimal = _ZERO
    net_pnl: Decimal = _ZERO
    average_net_pnl: Decimal = _ZERO
    missing: frozenset[str] = _NOTHING
    has_dust: bool = False
    is_boundary: bool = False

    @property
    def is_priced(self) -> bool:
        """Return whether its P&L can be known."""
        return is_priced(self.missing)


class BookState(NamedTuple):
    """What a book needs to be matched on from where it is; ``BookState()`` is a flat one.

    Attributes:
        lots: open ones, oldest first.
        episode: the open one.
        average_cash: of the open position at average cost: what opening it brought, fees included.
    """

    lots: Sequence[OpenLot] = ()
    episode: Episode | None = None
    average_cash: Decimal = _ZERO


@dataclass(slots=True)
class Matched:
    """What matching a book gave: closed pieces, episodes (the open one last), exits without a lot."""

    allocations: list[Allocation] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)
    unmatched: list[UnmatchedExit] = field(default_factory=list)
    state: BookState = field(default_factory=BookState)
