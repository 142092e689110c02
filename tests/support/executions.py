"""Executions with few words, and the account of cash that every book has to agree with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from linkage.domain.executions import EXACT, Execution
from linkage.domain.lots import Matched

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """Return a moment of the day on which the tests trade."""
    return START + timedelta(minutes=minutes)


def executed(
    side: str, quantity: str, price: str, minutes: float, *, order: str | None = None, **fields: Any
) -> Execution:
    """Return one execution; its order is named after side and minute unless it is given."""
    size, worth = Decimal(quantity), Decimal(price)
    order_id = order or f"{side}-{minutes:g}"
    settings = {"fee": Decimal(0), "execution_id": f"{order_id}/{minutes:g}", "value": size * worth, **fields}
    settings["fee"] = Decimal(settings["fee"])
    return Execution(
        order_id=order_id, side=side, executed_at=at(minutes), quantity=size, price=worth, **settings
    )


def cash_flow(executions: Iterable[Execution]) -> Decimal:
    """Return value received less value paid less fees."""
    with localcontext(EXACT):
        return sum(
            ((one.value if one.side == "sell" else -one.value) - one.fee for one in executions), Decimal(0)
        )


def accounted_for(matched: Matched) -> Decimal:
    """Return the cash that lots, open lots and unmatched exits account for."""
    with localcontext(EXACT):
        closed = sum((one.net_pnl or Decimal(0) for one in matched.allocations), Decimal(0))
        still_open = sum((lot.cash for lot in matched.state.lots), Decimal(0))
        return closed + still_open + sum((one.cash for one in matched.unmatched), Decimal(0))
