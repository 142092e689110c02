"""Lots: which exit closed which entry, and what that earned.

A **book** is one (bot, account, venue, instrument, position side); lots never leave it. Inside a book an
exit closes first the lots of the entry that it names as its parent, then those of its position id, then the
oldest ones. From flat to flat is an **episode**, the unit in which results are counted.

All arithmetic is exact. Where a cost has to be divided, each piece gets its share to 18 places and the last
one what is left, so that in every book::

    net P&L of all allocations + cash of open lots + cash of unmatched exits = cash flow

where cash is value received less value paid less known fees. The result depends on nothing but the set of
executions, and matching on from a state gives what matching from the start gives.

Rows, as the ledger keeps them (``fifo_allocations``, ``episodes``, ``open_lots``, ``unmatched_exits``): the
fields of ``Allocation``, ``Episode``, ``OpenLot`` and ``UnmatchedExit``, with the book's name.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Literal, NamedTuple
from uuid import UUID, uuid5

from linkage.domain.executions import CONTRACT_SIZE, EXACT, PRICE, Execution, share

Side = Literal["long", "short"]
PositionSide = Literal["long", "short", "net"]
MatchedBy = Literal["parent", "position", "fifo"]

EPISODE_NAMESPACE = UUID("7b0b7a2e-8f3c-5d0e-9a55-5a6a1f1c9d42")
EXTERNAL = "external"
"""The owner of the books of orders that no known bot placed."""

_ZERO = Decimal(0)
_UNPRICED = frozenset((PRICE, CONTRACT_SIZE))
_NOTHING: frozenset[str] = frozenset()


class BookRules(NamedTuple):
    """What a venue lets one trade; less is dust.

    Attributes:
        quantity_step: the smallest quantity.
        minimum_notional: the smallest value of an order, in quote currency; None when there is none.
    """

    quantity_step: Decimal = Decimal("1e-8")
    minimum_notional: Decimal | None = None

    def is_dust(self, quantity: Decimal, price: Decimal | None) -> bool:
        """Tell whether a quantity cannot be traded at a price."""
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
        """Tell whether its P&L can be known."""
        return not self.missing & _UNPRICED


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


def in_order(executions: Iterable[Execution], position_side: PositionSide) -> list[Execution]:
    """Return executions in the order in which a book takes them: by time, what opens before what closes."""
    opening = {"long": "buy", "short": "sell"}.get(position_side)

    def place(one: Execution) -> tuple[datetime, bool, str, str]:
        closes = one.closes_only if opening is None else one.side != opening
        return one.executed_at, closes, one.order_id, one.execution_id

    return sorted(executions, key=place)


def match(
    executions: Iterable[Execution],
    position_side: PositionSide,
    *,
    book: str = "",
    rules: BookRules | None = None,
    state: BookState | None = None,
) -> Matched:
    """Match a book's executions.

    Args:
        executions: of one book, in any order; all later than those that made ``state``.
        position_side: ``long``: what is bought opens and what is sold closes; ``short``: the reverse;
            ``net``: what goes against the open position closes it, and the rest opens the other side.
        book: its name, part of the ids of its episodes.
        rules: what is dust.
        state: from which to go on; without it the book is flat.
    """
    ordered = in_order(executions, position_side)
    last = {one.order_id: number for number, one in enumerate(ordered)}
    with localcontext(EXACT):
        matcher = _Matcher(book, position_side, rules or BookRules(), state or BookState())
        for number, one in enumerate(ordered):
            matcher.take(one, is_last_of_order=last[one.order_id] == number)
        return matcher.result()


class _Lot:
    """An open lot while it is being closed."""

    __slots__ = ("entered", "execution", "fee", "missing", "quantity", "value")

    def __init__(self, one: Execution, quantity: Decimal, value: Decimal, fee: Decimal) -> None:
        self.execution = one
        self.entered = self.quantity = quantity
        self.value = value
        self.fee = fee
        self.missing = one.missing


class _Matcher:
    def __init__(self, book: str, position_side: PositionSide, rules: BookRules, state: BookState) -> None:
        self.book = book
        self.position_side = position_side
        self.rules = rules
        self.done = Matched()
        self.lots: OrderedDict[tuple[str, str], _Lot] = OrderedDict()
        self.open = _ZERO
        self.average_cash = state.average_cash
        self.episode = None if state.episode is None else replace(state.episode)
        self.last_closed: Episode | None = None
        for lot in state.lots:
            self._restore(lot)

    def _restore(self, lot: OpenLot) -> None:
        one = Execution(
            lot.order_id,
            lot.execution_id,
            "buy" if lot.side == "long" else "sell",
            lot.opened_at,
            lot.quantity,
            lot.value,
            lot.price,
            lot.fee,
            lot.missing,
            lot.sources,
            position_id=lot.position_id,
        )
        restored = _Lot(one, lot.quantity, lot.value, lot.fee)
        restored.entered = lot.entered_quantity
        self.lots[lot.order_id, lot.execution_id] = restored
        self.open += lot.quantity

    def result(self) -> Matched:
        if self.episode is not None:
            self.done.episodes.append(self.episode)
            side = self.episode.side
            lots = [
                OpenLot(
                    side,
                    lot.execution.order_id,
                    lot.execution.execution_id,
                    lot.execution.executed_at,
                    lot.quantity,
                    lot.entered,
                    lot.execution.price,
                    lot.value,
                    lot.fee,
                    lot.missing,
                    lot.execution.sources,
                    lot.execution.position_id,
                    self.episode.episode_id,
                )
                for lot in self.lots.values()
            ]
            self.done.state = BookState(lots, self.episode, self.average_cash)
        return self.done

    def take(self, one: Execution, *, is_last_of_order: bool) -> None:
        closed = self.last_closed
        if closed is not None and closed.closed_at == one.executed_at:
            closed.is_boundary = False
        if not one.quantity:
            self._residue(one)
            return
        if self._opens(one):
            self._enter(one, one.quantity, one.value, one.fee)
            return
        quantity, value, fee = self._close(one)
        if self.lots and is_last_of_order and self.rules.is_dust(self.open, one.price):
            self._sweep_dust(one)
        if self.episode is not None and not self.lots:
            self._end_episode(one.executed_at)
        if quantity:
            if self.position_side == "net" and not one.closes_only:
                if self.last_closed is not None:
                    self.last_closed.is_boundary = False
                self._enter(one, quantity, value, fee)
            else:
                self._leave_unmatched(one, quantity, value, fee)

    def _opens(self, one: Execution) -> bool:
        if self.position_side == "net":
            if self.episode is None:
                return not one.closes_only
            return (one.side == "buy") == (self.episode.side == "long")
        return (one.side == "buy") == (self.position_side == "long")

    def _enter(self, one: Execution, quantity: Decimal, value: Decimal, fee: Decimal) -> None:
        episode = self.episode
        if episode is None:
            name = "\x1f".join((self.book, one.order_id, one.execution_id))
            episode = self.episode = Episode(
                uuid5(EPISODE_NAMESPACE, name),
                "long" if one.side == "buy" else "short",
                one.executed_at,
                one.order_id,
                one.execution_id,
            )
        self.lots[one.order_id, one.execution_id] = _Lot(one, quantity, value, fee)
        self.open += quantity
        received = value if episode.side == "short" else -value
        self.average_cash += received - fee
        episode.entries += 1
        episode.entered_quantity += quantity
        episode.entry_value += value
        episode.missing |= one.missing

    def _close(self, one: Execution) -> tuple[Decimal, Decimal, Decimal]:
        """Close lots with an exit and return what is left of it: quantity, value and fee."""
        quantity, value, fee = one.quantity, one.value, one.fee
        if self.episode is None:
            return quantity, value, fee
        self.episode.exits += 1
        for lot, matched_by in self._targets(one):
            taken = min(quantity, lot.quantity)
            if taken == quantity:
                value_taken, fee_taken = value, fee
            else:
                value_taken, fee_taken = share(value, taken, quantity), share(fee, taken, quantity)
            self._allocate(lot, one, taken, value_taken, fee_taken, "matched", matched_by)
            quantity -= taken
            value -= value_taken
            fee -= fee_taken
            if not quantity:
                break
        return quantity, value, fee

    def _targets(self, one: Execution) -> Iterable[tuple[_Lot, MatchedBy]]:
        parent, position = one.parent_order_id, one.position_id
        if parent is not None:
            for lot in [lot for lot in self.lots.values() if lot.execution.order_id == parent]:
                yield lot, "parent"
        if position is not None:
            for lot in [lot for lot in self.lots.values() if lot.execution.position_id == position]:
                yield lot, "position"
        while self.lots:
            yield next(iter(self.lots.values())), "fifo"

    def _sweep_dust(self, one: Execution) -> None:
        for lot in list(self.lots.values()):
            self._allocate(lot, one, lot.quantity, _ZERO, _ZERO, "dust", None)

    def _allocate(
        self,
        lot: _Lot,
        one: Execution,
        quantity: Decimal,
        exit_value: Decimal,
        exit_fee: Decimal,
        kind: Literal["matched", "dust"],
        matched_by: MatchedBy | None,
    ) -> None:
        episode, entry = self.episode, lot.execution
        assert episode is not None
        if quantity == lot.quantity:
            entry_value, entry_fee = lot.value, lot.fee
        else:
            entry_value = share(lot.value, quantity, lot.quantity)
            entry_fee = share(lot.fee, quantity, lot.quantity)
        average = share(self.average_cash, quantity, self.open)
        if episode.side == "long":
            gross, received = exit_value - entry_value, exit_value
        else:
            gross, received = entry_value - exit_value, -exit_value
        fees = entry_fee + exit_fee
        net = gross - fees
        average_net = average + received - exit_fee
        missing = lot.missing | one.missing if kind == "matched" else lot.missing
        is_priced = not missing & _UNPRICED
        self.done.allocations.append(
            Allocation(
                kind,
                matched_by,
                episode.side,
                entry.order_id,
                entry.execution_id,
                one.order_id,
                one.execution_id,
                quantity,
                entry.price,
                one.price if kind == "matched" else None,
                entry_value,
                exit_value,
                entry_fee,
                exit_fee,
                gross if is_priced else None,
                net if is_priced else None,
                average_net if is_priced else None,
                missing,
                entry.sources | one.sources,
                entry.executed_at,
                one.executed_at,
                episode.episode_id,
            )
        )
        lot.quantity -= quantity
        lot.value -= entry_value
        lot.fee -= entry_fee
        self.open -= quantity
        self.average_cash -= average
        if not lot.quantity:
            del self.lots[entry.order_id, entry.execution_id]
        episode.exit_order_id = one.order_id
        episode.exit_value += exit_value
        episode.fees += fees
        episode.gross_pnl += gross
        episode.net_pnl += net
        episode.average_net_pnl += average_net
        episode.missing |= missing
        episode.has_dust = episode.has_dust or kind == "dust"

    def _end_episode(self, at: datetime) -> None:
        episode = self.episode
        assert episode is not None
        episode.closed_at = at
        episode.is_boundary = True
        self.done.episodes.append(episode)
        self.last_closed, self.episode = episode, None

    def _leave_unmatched(self, one: Execution, quantity: Decimal, value: Decimal, fee: Decimal) -> None:
        self.done.unmatched.append(
            UnmatchedExit(
                one.order_id,
                one.execution_id,
                one.side,
                one.executed_at,
                quantity,
                one.price,
                value,
                fee,
                one.missing,
                one.sources,
                one.parent_order_id,
            )
        )

    def _residue(self, one: Execution) -> None:
        gross = one.value if one.side == "sell" else -one.value
        net = gross - one.fee
        is_entry, is_priced = one.side == "buy", not one.missing & _UNPRICED
        episode = self.episode
        self.done.allocations.append(
            Allocation(
                "residue",
                None,
                episode.side if episode is not None else "long",
                one.order_id,
                one.execution_id,
                one.order_id,
                one.execution_id,
                _ZERO,
                one.price,
                one.price,
                one.value if is_entry else _ZERO,
                _ZERO if is_entry else one.value,
                one.fee if is_entry else _ZERO,
                _ZERO if is_entry else one.fee,
                gross if is_priced else None,
                net if is_priced else None,
                net if is_priced else None,
                one.missing,
                one.sources,
                one.executed_at,
                one.executed_at,
                None if episode is None else episode.episode_id,
            )
        )
        if episode is not None:
            episode.fees += one.fee
            episode.gross_pnl += gross
            episode.net_pnl += net
            episode.average_net_pnl += net
            episode.missing |= one.missing
