"""Matching a book: which lot each exit closes, and what every episode came to.

The result depends on nothing but the set of executions, and matching on from a state gives what matching
from the start gives. ``lots`` describes what comes out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Literal, NamedTuple
from uuid import UUID, uuid5

from linkage.domain.executions import EXACT, Execution, share
from linkage.domain.lots import (
    Allocation,
    BookRules,
    BookState,
    Episode,
    Matched,
    MatchedBy,
    OpenLot,
    PositionSide,
    UnmatchedExit,
    is_priced,
)

EPISODE_NAMESPACE = UUID("7b0b7a2e-8f3c-5d0e-9a55-5a6a1f1c9d42")
_ZERO = Decimal(0)


def in_order(executions: Iterable[Execution], position_side: PositionSide) -> list[Execution]:
    """Return executions in the order in which a book takes them: by time, what opens before what closes."""
    opening = {"long": "buy", "short": "sell"}.get(position_side)

    def rank(execution: Execution) -> tuple[datetime, bool, str, str]:
        closes = execution.closes_only if opening is None else execution.side != opening
        return execution.executed_at, closes, execution.order_id, execution.execution_id

    return sorted(executions, key=rank)


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
    last = {execution.order_id: number for number, execution in enumerate(ordered)}
    with localcontext(EXACT):
        matcher = _Matcher(book, position_side, rules or BookRules(), state or BookState())
        for number, execution in enumerate(ordered):
            matcher.take(execution, is_last_of_order=last[execution.order_id] == number)
        return matcher.result()


class _Lot:
    """An open lot while it is being closed."""

    __slots__ = ("entered", "execution", "fee", "missing", "quantity", "value")

    def __init__(self, execution: Execution, money: _Money) -> None:
        self.execution = execution
        self.entered = self.quantity = money.quantity
        self.value = money.value
        self.fee = money.fee
        self.missing = execution.missing


class _Money(NamedTuple):
    """An execution, or the part of it that is left: how much, at what value in quote currency, and fee."""

    quantity: Decimal
    value: Decimal
    fee: Decimal


class _Matcher:
    """A book while its executions are taken one after the other."""

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
        execution = Execution(
            order_id=lot.order_id,
            execution_id=lot.execution_id,
            side="buy" if lot.side == "long" else "sell",
            executed_at=lot.opened_at,
            quantity=lot.quantity,
            value=lot.value,
            price=lot.price,
            fee=lot.fee,
            missing=lot.missing,
            sources=lot.sources,
            position_id=lot.position_id,
        )
        restored = _Lot(execution, _Money(lot.quantity, lot.value, lot.fee))
        restored.entered = lot.entered_quantity
        self.lots[lot.order_id, lot.execution_id] = restored
        self.open += lot.quantity

    def result(self) -> Matched:
        """Return what was closed, and the state from which matching may go on."""
        if self.episode is not None:
            self.done.episodes.append(self.episode)
            lots = [_open_lot(lot, self.episode) for lot in self.lots.values()]
            self.done.state = BookState(lots, self.episode, self.average_cash)
        return self.done

    def take(self, execution: Execution, *, is_last_of_order: bool) -> None:
        """Take the next execution."""
        closed = self.last_closed
        if closed is not None and closed.closed_at == execution.executed_at:
            closed.is_boundary = False
        if not execution.quantity:
            self._take_residue(execution)
            return
        if self._opens(execution):
            self._enter(execution, _Money(execution.quantity, execution.value, execution.fee))
            return
        left = self._close(execution)
        if self.lots and is_last_of_order and self.rules.is_dust(self.open, execution.price):
            self._close_dust(execution)
        if self.episode is not None and not self.lots:
            self._end_episode(execution.executed_at)
        if left.quantity:
            if self.position_side == "net" and not execution.closes_only:
                if self.last_closed is not None:
                    self.last_closed.is_boundary = False
                self._enter(execution, left)
            else:
                self._leave_unmatched(execution, left)

    def _opens(self, execution: Execution) -> bool:
        if self.position_side == "net":
            if self.episode is None:
                return not execution.closes_only
            return (execution.side == "buy") == (self.episode.side == "long")
        return (execution.side == "buy") == (self.position_side == "long")

    def _enter(self, execution: Execution, money: _Money) -> None:
        episode = self.episode
        if episode is None:
            name = "\x1f".join((self.book, execution.order_id, execution.execution_id))
            episode = self.episode = Episode(
                episode_id=uuid5(EPISODE_NAMESPACE, name),
                side="long" if execution.side == "buy" else "short",
                opened_at=execution.executed_at,
                entry_order_id=execution.order_id,
                entry_execution_id=execution.execution_id,
            )
        self.lots[execution.order_id, execution.execution_id] = _Lot(execution, money)
        self.open += money.quantity
        received = money.value if episode.side == "short" else -money.value
        self.average_cash += received - money.fee
        episode.entries += 1
        episode.entered_quantity += money.quantity
        episode.entry_value += money.value
        episode.missing |= execution.missing

    def _close(self, execution: Execution) -> _Money:
        """Close lots with an exit and return what is left of it."""
        left = _Money(execution.quantity, execution.value, execution.fee)
        if self.episode is None:
            return left
        self.episode.exits += 1
        for lot, matched_by in self._targets(execution):
            quantity = min(left.quantity, lot.quantity)
            if quantity == left.quantity:
                taken = left
            else:
                taken = _Money(
                    quantity,
                    share(left.value, quantity, left.quantity),
                    share(left.fee, quantity, left.quantity),
                )
            self._allocate(lot, execution, taken, kind="matched", matched_by=matched_by)
            left = _Money(left.quantity - quantity, left.value - taken.value, left.fee - taken.fee)
            if not left.quantity:
                break
        return left

    def _targets(self, execution: Execution) -> Iterable[tuple[_Lot, MatchedBy]]:
        parent, position = execution.parent_order_id, execution.position_id
        if parent is not None:
            for lot in [lot for lot in self.lots.values() if lot.execution.order_id == parent]:
                yield lot, "parent"
        if position is not None:
            for lot in [lot for lot in self.lots.values() if lot.execution.position_id == position]:
                yield lot, "position"
        while self.lots:
            yield next(iter(self.lots.values())), "fifo"

    def _close_dust(self, execution: Execution) -> None:
        for lot in list(self.lots.values()):
            rest = _Money(lot.quantity, _ZERO, _ZERO)
            self._allocate(lot, execution, rest, kind="dust", matched_by=None)

    def _allocate(
        self,
        lot: _Lot,
        exit_: Execution,
        money: _Money,
        *,
        kind: Literal["matched", "dust"],
        matched_by: MatchedBy | None,
    ) -> None:
        """Close a piece of a lot with a piece of an exit, which ``money`` is."""
        episode, entry = self.episode, lot.execution
        assert episode is not None
        quantity, exit_value, exit_fee = money
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
        net = gross - entry_fee - exit_fee
        average_net = average + received - exit_fee
        missing = lot.missing | exit_.missing if kind == "matched" else lot.missing
        priced = is_priced(missing)
        allocation = Allocation(
            kind=kind,
            matched_by=matched_by,
            side=episode.side,
            entry_order_id=entry.order_id,
            entry_execution_id=entry.execution_id,
            exit_order_id=exit_.order_id,
            exit_execution_id=exit_.execution_id,
            quantity=quantity,
            entry_price=entry.price,
            exit_price=exit_.price if kind == "matched" else None,
            entry_value=entry_value,
            exit_value=exit_value,
            entry_fee=entry_fee,
            exit_fee=exit_fee,
            gross_pnl=gross if priced else None,
            net_pnl=net if priced else None,
            average_net_pnl=average_net if priced else None,
            missing=missing,
            sources=entry.sources | exit_.sources,
            opened_at=entry.executed_at,
            closed_at=exit_.executed_at,
            episode_id=episode.episode_id,
        )
        self.done.allocations.append(allocation)
        self._shrink(lot, allocation, average)
        _add_up(episode, allocation, gross, net, average_net)

    def _shrink(self, lot: _Lot, allocation: Allocation, average_cash: Decimal) -> None:
        lot.quantity -= allocation.quantity
        lot.value -= allocation.entry_value
        lot.fee -= allocation.entry_fee
        self.open -= allocation.quantity
        self.average_cash -= average_cash
        if not lot.quantity:
            del self.lots[lot.execution.order_id, lot.execution.execution_id]

    def _end_episode(self, at: datetime) -> None:
        episode = self.episode
        assert episode is not None
        episode.closed_at = at
        episode.is_boundary = True
        self.done.episodes.append(episode)
        self.last_closed, self.episode = episode, None

    def _leave_unmatched(self, execution: Execution, left: _Money) -> None:
        self.done.unmatched.append(
            UnmatchedExit(
                order_id=execution.order_id,
                execution_id=execution.execution_id,
                side=execution.side,
                executed_at=execution.executed_at,
                quantity=left.quantity,
                price=execution.price,
                value=left.value,
                fee=left.fee,
                missing=execution.missing,
                sources=execution.sources,
                parent_order_id=execution.parent_order_id,
            )
        )

    def _take_residue(self, execution: Execution) -> None:
        gross = execution.value if execution.side == "sell" else -execution.value
        net = gross - execution.fee
        is_entry, priced = execution.side == "buy", is_priced(execution.missing)
        episode = self.episode
        self.done.allocations.append(
            Allocation(
                kind="residue",
                matched_by=None,
                side=episode.side if episode is not None else "long",
                entry_order_id=execution.order_id,
                entry_execution_id=execution.execution_id,
                exit_order_id=execution.order_id,
                exit_execution_id=execution.execution_id,
                quantity=_ZERO,
                entry_price=execution.price,
                exit_price=execution.price,
                entry_value=execution.value if is_entry else _ZERO,
                exit_value=_ZERO if is_entry else execution.value,
                entry_fee=execution.fee if is_entry else _ZERO,
                exit_fee=_ZERO if is_entry else execution.fee,
                gross_pnl=gross if priced else None,
                net_pnl=net if priced else None,
                average_net_pnl=net if priced else None,
                missing=execution.missing,
                sources=execution.sources,
                opened_at=execution.executed_at,
                closed_at=execution.executed_at,
                episode_id=None if episode is None else episode.episode_id,
            )
        )
        if episode is not None:
            episode.fees += execution.fee
            episode.gross_pnl += gross
            episode.net_pnl += net
            episode.average_net_pnl += net
            episode.missing |= execution.missing


def _open_lot(lot: _Lot, episode: Episode) -> OpenLot:
    entry = lot.execution
    return OpenLot(
        side=episode.side,
        order_id=entry.order_id,
        execution_id=entry.execution_id,
        opened_at=entry.executed_at,
        quantity=lot.quantity,
        entered_quantity=lot.entered,
        price=entry.price,
        value=lot.value,
        fee=lot.fee,
        missing=lot.missing,
        sources=entry.sources,
        position_id=entry.position_id,
        episode_id=episode.episode_id,
    )


def _add_up(
    episode: Episode, allocation: Allocation, gross: Decimal, net: Decimal, average_net: Decimal
) -> None:
    """Add a closed piece to its episode; the P&L also where its row shows none, for want of a price."""
    episode.exit_order_id = allocation.exit_order_id
    episode.exit_value += allocation.exit_value
    episode.fees += allocation.entry_fee + allocation.exit_fee
    episode.gross_pnl += gross
    episode.net_pnl += net
    episode.average_net_pnl += average_net
    episode.missing |= allocation.missing
    episode.has_dust = episode.has_dust or allocation.kind == "dust"
