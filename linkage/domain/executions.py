"""What an order executed, net: the units in which lots are opened and closed.

The facts of one order become a few executions whose sums are the order's totals (``filled``, its value and
its fees): fills where they exist, and where the venue's cumulative record is ahead of them one more for the
rest, all at the record's average price. A reversal takes away from the fill that it names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation, Overflow, localcontext
from typing import NamedTuple

EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN, traps=[Inexact, InvalidOperation, Overflow])
"""Arithmetic of money: what it cannot do exactly is an error."""

_DIVIDING = Context(prec=120, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])
_QUANTUM = Decimal("1e-18")
_PLACES = Decimal("1e18")
_ZERO = Decimal(0)

REST = "cumulative"
"""The id of what the cumulative record has beyond the fills."""

PRICE, CONTRACT_SIZE, FEE = "price", "contract_size", "fee"
"""What may be missing. ``price`` and ``contract_size`` leave no P&L at all; ``fee`` (none is known) and
``fee:BNB`` (no rate is known; ``fee:?``: in an unnamed currency) leave it without those fees."""


class Rate(NamedTuple):
    """What one unit of a currency was worth in another during one minute, and who says so."""

    price: Decimal
    source: str


Rates = Mapping[tuple[str, str, datetime], Rate]
"""By (from, to, start of the minute in UTC)."""


class FillFact(NamedTuple):
    """A fill as the ledger counts it; of an order's cumulative records only the furthest.

    ``quantity``, ``price`` and ``fee`` of a cumulative record are its cumulative quantity, average price
    and total fees.
    """

    fill_id: str
    kind: str
    refers_to: str | None
    price: Decimal | None
    quantity: Decimal
    quantity_unit: str
    fee: Decimal | None
    fee_currency: str | None
    executed_at: datetime


class OrderTerms(NamedTuple):
    """What all executions of an order have in common.

    Attributes:
        base, quote: the currencies of its symbol; empty when the symbol is not understood.
        parent_order_id: the entry that it closes, if it names one.
        closes_only: it may not open anything.
    """

    order_id: str
    side: str
    base: str
    quote: str
    parent_order_id: str | None = None
    position_id: str | None = None
    closes_only: bool = False


class Execution(NamedTuple):
    """One change of a position.

    Attributes:
        side: ``buy`` or ``sell``.
        quantity: by how much the position changes, in base currency or contracts: a fee in base is in it.
            0 for money that an order moved without a quantity, as a reversal at another price does.
        value: what was paid or received for it, in quote currency; positive, but for odd corrections.
        price: as traded; None when unknown.
        fee: in quote currency, as far as it is known.
        missing: what the figures lack; see ``PRICE``.
        sources: the rates that fees were converted at.
    """

    order_id: str
    execution_id: str
    side: str
    executed_at: datetime
    quantity: Decimal
    value: Decimal
    price: Decimal | None = None
    fee: Decimal = _ZERO
    missing: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    parent_order_id: str | None = None
    position_id: str | None = None
    closes_only: bool = False


def share(total: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """Return the part's share of a total, cut after 18 places; the whole's is the total itself.

    Whoever takes shares subtracts each from what is left, so that nothing is lost to rounding. To be called
    while ``EXACT`` is the context of the thread.
    """
    if part == whole or not total:
        return total
    # A whole quotient is exact, and costs a fifth of one that is rounded.
    return (total * part * _PLACES // whole) * _QUANTUM


class _Part:
    __slots__ = ("at", "fees", "fill_id", "missing", "price", "quantity", "value")

    def __init__(self, fill_id: str, at: datetime, quantity: Decimal, value: Decimal) -> None:
        self.fill_id = fill_id
        self.at = at
        self.quantity = quantity
        self.value = value
        self.price: Decimal | None = None
        self.fees: dict[str, Decimal] = {}
        self.missing: set[str] = set()

    def charge(self, fee: Decimal | None, currency: str | None) -> None:
        if fee is None:
            self.missing.add(FEE)
        elif fee:
            name = currency or "?"
            self.fees[name] = self.fees.get(name, _ZERO) + fee

    def absorb(self, other: _Part) -> None:
        """Take over the money of a part that has no quantity left."""
        self.value += other.value
        for currency, fee in other.fees.items():
            self.fees[currency] = self.fees.get(currency, _ZERO) + fee
        self.missing |= other.missing

    @property
    def is_nothing(self) -> bool:
        return not self.value and not any(self.fees.values())


def net_executions(
    order: OrderTerms, fills: Sequence[FillFact], rates: Rates | None = None
) -> list[Execution]:
    """Return what an order executed, in the order of time.

    An order from which more was taken back than it had executed waits for the missing fill, and has none.

    Args:
        order: whose fills these are.
        fills: each once, in any order, with at most one cumulative record.
        rates: for fees in other currencies than the symbol's.
    """
    with localcontext(EXACT):
        return _net_executions(order, fills, rates or {})


def _net_executions(order: OrderTerms, fills: Sequence[FillFact], rates: Rates) -> list[Execution]:
    if len(fills) == 1 and (plain := _plain(order, fills[0])) is not None:
        return [plain]
    parts = _parts(sorted(fills, key=lambda fill: (fill.executed_at, fill.fill_id)))
    if parts is None:
        return []
    solid = [part for part in parts if part.quantity > 0]
    for empty in parts:
        if empty.quantity == 0 and not empty.is_nothing:
            if solid:
                solid[-1].absorb(empty)
            else:
                solid.append(empty)
    unit = min((fill.quantity_unit for fill in fills), default="base")
    of_contracts = "contracts" in (unit, max((fill.quantity_unit for fill in fills), default=unit))
    return [_execution(order, part, rates, of_contracts=of_contracts) for part in solid]


def _plain(order: OrderTerms, fill: FillFact) -> Execution | None:
    """Return the execution of an order with one usual fill, as most are; None when it is not usual."""
    usual = (
        fill.kind == "FILL"
        and fill.quantity_unit == "base"
        and fill.quantity > 0
        and fill.price is not None
        and fill.fee is not None
        and (not fill.fee or fill.fee_currency == order.quote)
    )
    if not usual or fill.price is None or fill.fee is None:
        return None
    return Execution(
        order_id=order.order_id,
        execution_id=fill.fill_id,
        side=order.side,
        executed_at=fill.executed_at,
        quantity=fill.quantity,
        value=fill.quantity * fill.price,
        price=fill.price,
        fee=fill.fee,
        parent_order_id=order.parent_order_id,
        position_id=order.position_id,
        closes_only=order.closes_only,
    )


def _parts(fills: Sequence[FillFact]) -> list[_Part] | None:
    record = next((fill for fill in fills if fill.kind == "CUMULATIVE"), None)
    single_fills = [fill for fill in fills if fill.kind != "CUMULATIVE"]
    executed = [fill for fill in single_fills if fill.kind != "REVERSAL"]
    parts = [_part(fill) for fill in executed if fill.quantity >= 0]
    if not all(_take_back(parts, fill) for fill in executed if fill.quantity < 0):
        return None
    if record is not None:
        _catch_up(parts, executed, record)
    if not all(_take_back(parts, fill) for fill in single_fills if fill.kind == "REVERSAL"):
        return None
    return parts


def _part(fill: FillFact) -> _Part:
    part = _Part(fill.fill_id, fill.executed_at, _amount(fill), _value(fill))
    part.price = fill.price
    if fill.price is None or (fill.quantity_unit == "quote" and not fill.price):
        part.missing.add(PRICE)
    part.charge(fill.fee, fill.fee_currency)
    return part


def _amount(fill: FillFact) -> Decimal:
    """In base currency or contracts. One in quote currency is turned round by its price."""
    if fill.quantity_unit != "quote":
        return fill.quantity
    return _DIVIDING.quantize(_DIVIDING.divide(fill.quantity, fill.price), _QUANTUM) if fill.price else _ZERO


def _value(fill: FillFact) -> Decimal:
    if fill.quantity_unit == "quote":
        return fill.quantity
    return fill.quantity * fill.price if fill.price is not None else _ZERO


def _catch_up(parts: list[_Part], executed: Sequence[FillFact], record: FillFact) -> None:
    """Add what the venue's record has beyond the fills; then its price and fees hold for all of them."""
    amount, value = sum(map(_amount, executed), _ZERO), sum(map(_value, executed), _ZERO)
    by_value = min(fill.quantity_unit for fill in [*executed, record]) == "quote"
    ahead = _value(record) > value if by_value else _amount(record) > amount
    if not ahead:
        return
    rest = _Part(REST, record.executed_at, max(_amount(record) - amount, _ZERO), _ZERO)
    parts.append(rest)
    if record.price is None:
        rest.missing |= {PRICE, FEE}
        return
    fee = record.fee
    currency = record.fee_currency or min(
        (name for fill in executed if (name := fill.fee_currency)), default=None
    )
    left = sum((part.quantity for part in parts), _ZERO)
    left_value, left_fee = _value(record), fee or _ZERO
    for part in parts:
        part.price = record.price
        part.missing.discard(PRICE)
        part.value = share(left_value, part.quantity, left)
        left_value -= part.value
        if fee is not None:
            charged = share(left_fee, part.quantity, left)
            part.fees, part.missing = {}, set()
            part.charge(charged, currency)
            left_fee -= charged
        left -= part.quantity
    if fee is None:
        rest.missing.add(FEE)


def _take_back(parts: list[_Part], fill: FillFact) -> bool:
    """Take a reversal, or a negative correction, away; False when there is not so much to take from."""
    left, value, fee = (abs(_amount(fill)), abs(_value(fill)), fill.fee or _ZERO)
    if fill.kind != "REVERSAL":
        fee = -fee
    named = [part for part in parts if part.fill_id == fill.refers_to]
    targets = named + [part for part in reversed(parts) if part.fill_id != fill.refers_to]
    if not left:
        if targets:
            targets[0].value -= value
            targets[0].charge(-fee, fill.fee_currency)
        return bool(targets)
    for part in targets:
        taken = min(left, part.quantity)
        if taken <= 0:
            continue
        value_taken, fee_taken = share(value, taken, left), share(fee, taken, left)
        part.quantity -= taken
        part.value -= value_taken
        part.charge(-fee_taken, fill.fee_currency)
        left, value, fee = left - taken, value - value_taken, fee - fee_taken
        if not left:
            return True
    return False


def _execution(order: OrderTerms, part: _Part, rates: Rates, *, of_contracts: bool) -> Execution:
    quantity, fee = part.quantity, _ZERO
    missing, sources = part.missing, set[str]()
    if of_contracts:
        missing.add(CONTRACT_SIZE)
    for currency, amount in part.fees.items():
        if not amount:
            continue
        if currency == order.quote:
            fee += amount
        elif currency == order.base and not of_contracts and _fits(quantity, amount, order.side):
            buys = order.side == "buy"
            quantity = quantity - amount if buys else quantity + amount
        elif currency == order.base and part.price is not None:
            # What was traded has its own price.
            fee += amount * part.price
        elif (converted := _converted(amount, currency, order.quote, part.at, rates)) is not None:
            fee += converted[0]
            sources.add(converted[1])
        else:
            missing.add(f"{FEE}:{currency}")
    return Execution(
        order_id=order.order_id,
        execution_id=part.fill_id,
        side=order.side,
        executed_at=part.at,
        quantity=quantity,
        value=part.value,
        price=part.price,
        fee=fee,
        missing=frozenset(missing),
        sources=frozenset(sources),
        parent_order_id=order.parent_order_id,
        position_id=order.position_id,
        closes_only=order.closes_only,
    )


def _fits(quantity: Decimal, fee: Decimal, side: str) -> bool:
    """Return whether a fee in base leaves a quantity to speak of."""
    return quantity > fee if side == "buy" else quantity > -fee


def _converted(
    amount: Decimal, currency: str, quote: str, at: datetime, rates: Rates
) -> tuple[Decimal, str] | None:
    minute = at.replace(second=0, microsecond=0)
    if (rate := rates.get((currency, quote, minute))) is not None:
        return amount * rate.price, f"{currency}-{quote} {rate.price} {rate.source}"
    if (rate := rates.get((quote, currency, minute))) is not None and rate.price:
        inverse = _DIVIDING.quantize(_DIVIDING.divide(amount, rate.price), _QUANTUM)
        return inverse, f"{quote}-{currency} {rate.price} {rate.source}"
    return None
