"""The report of a window, as ``read_ledger`` answers it and as the mail, the CSV files and scripts read it.

Modes (live, paper) stand side by side and are never summed. Orders of mode ``test`` are in none of them.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from pydantic import Field, computed_field

from linkage.contracts.performance import (
    Change,
    ComparisonRow,
    Execution,
    Funnel,
    Health,
    Money,
    PerformanceTable,
)
from linkage.contracts.types import Answer, Number, UtcTime

from uuid import UUID  # isort: skip  (pydantic needs it at run time)

Disposition = Literal[
    "linked", "pending", "lost", "conflict", "unsignalled", "external", "disabled", "before_linkage"
]
DEFECTS: tuple[Disposition, ...] = ("lost", "conflict")
"""Dispositions that must not occur; each one alarms."""


class Rate(Answer):
    """How many of how many. The counts are the truth; the percentage is for the eye."""

    part: int
    whole: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def percent(self) -> str | None:
        """With one decimal; 100.0 only when it is all of them; None of none."""
        if self.whole == 0:
            return None
        share = (Decimal(self.part * 100) / Decimal(self.whole)).quantize(Decimal("0.1"), ROUND_HALF_UP)
        return str(min(share, Decimal("99.9")) if self.part < self.whole else share)


class Period(Answer):
    """A half-open interval of time, [start, end)."""

    start: UtcTime
    end: UtcTime


class ModeRates(Answer):
    """The three rates of one mode.

    Attributes:
        expected: linked of linked, lost and conflicting; pending orders are apart. A census.
        executed: linked of all executed orders.
        signals: signals sent in the window that became an order, of all that were sent.
        pending: expected orders that are within their grace.
    """

    mode: str
    expected: Rate
    executed: Rate
    signals: Rate
    pending: int = 0
    lost: int = 0
    conflict: int = 0
    signals_suppressed: int = 0


class DispositionCount(Answer):
    """Executed orders of one disposition and reason.

    Attributes:
        first_at: time of the earliest of them.
        example: order id of the latest of them.
    """

    disposition: Disposition
    reason: str | None = None
    orders: int
    first_at: UtcTime
    example: str | None = None


class BotCount(Answer):
    """Executed orders of one bot; ``bot_id`` None are the other orders on the account."""

    bot_id: str | None
    orders: int
    linked: int = 0
    pending: int = 0
    lost: int = 0
    conflict: int = 0
    other: int = 0
    first_defect_at: UtcTime | None = None


class Turnover(Answer):
    """What one currency saw of a parameter set."""

    currency: str
    bought: Number = Decimal(0)
    sold: Number = Decimal(0)
    fees: Number = Decimal(0)


class SnapshotActivity(Answer):
    """Executed orders of one parameter set: value traded and fees, not profit."""

    snapshot_id: UUID
    label: str | None = None
    strategy: str | None = None
    code_version: str | None = None
    parameters: dict[str, Any] | None = None
    buys: int = 0
    sells: int = 0
    unpriced: int = 0
    turnover: list[Turnover] = Field(default_factory=list)
    last_order_at: UtcTime


class ModeReport(Answer):
    """Everything of one mode. ``snapshots`` holds the busiest ones; ``snapshots_total`` counts all.

    Attributes:
        money: results by currency; empty where no episode was closed and nothing is open.
        tables: the same episodes by one thing each; a row is of one currency.
        executions: slippage and delay of the linked orders, by side.
        comparisons: verdicts, where they were asked for, over all the ledger.
    """

    rates: ModeRates
    dispositions: list[DispositionCount] = Field(default_factory=list)
    bots: list[BotCount] = Field(default_factory=list)
    snapshots: list[SnapshotActivity] = Field(default_factory=list)
    snapshots_total: int = 0
    money: list[Money] = Field(default_factory=list)
    tables: list[PerformanceTable] = Field(default_factory=list)
    executions: list[Execution] = Field(default_factory=list)
    funnel: Funnel = Funnel()
    comparisons: list[ComparisonRow] = Field(default_factory=list)

    @property
    def mode(self) -> str:
        """``live``, ``paper`` or ``unknown``."""
        return self.rates.mode


class OrderRow(Answer):
    """One executed order with its disposition, and its link where it has one.

    Attributes:
        hint: a signal of the same symbol and side, within ten minutes, that has no order. Never a link.
    """

    order_id: str
    mode: str
    venue: str | None = None
    account: str | None = None
    bot_id: str | None = None
    client_order_id: str | None = None
    symbol: str
    side: str
    status: str
    origin: str | None = None
    order_time: UtcTime
    filled_quantity: Number | None = None
    average_price: Number | None = None
    notional: Number | None = None
    fee: Number | None = None
    fee_currency: str | None = None
    disposition: Disposition
    reason: str | None = None
    snapshot_id: UUID | None = None
    snapshot_label: str | None = None
    buy_score: Number | None = None
    sell_score: Number | None = None
    trigger_type: str | None = None
    method: str | None = None
    signalled_at: UtcTime | None = None
    signal_price: Number | None = None
    hint: str | None = None


class Liveness(Answer):
    """When something last happened at all, so that a quiet market can be distinguished from a failure."""

    last_order_at: UtcTime | None = None
    last_signal_at: UtcTime | None = None
    last_run_at: UtcTime | None = None


class RatesDocument(Answer):
    """The answer to ``{"op": "rates"}``."""

    period: Period
    read_at: UtcTime
    modes: list[ModeRates] = Field(default_factory=list)


class ReportDocument(Answer):
    """The answer to ``{"op": "report"}``.

    Attributes:
        read_at: the database's clock when the report was read.
        linked, unlinked: the latest executed orders, latest first.
        orders: the window's executed orders, latest first, up to a limit; ``orders_total`` counts all.
        late: executed orders of earlier periods that were first recorded in this one.
        test_orders: orders of tests, which are in no rate.
        late_orders: the latest of the late ones.
        changes: parameter sets that came into force in the period, latest first.
        trials: parameter sets ever tried, live, on paper or on candles of the past; None where no verdict
            was asked for.
    """

    period: Period
    read_at: UtcTime
    linking_enabled: bool = True
    modes: list[ModeReport] = Field(default_factory=list)
    linked: list[OrderRow] = Field(default_factory=list)
    unlinked: list[OrderRow] = Field(default_factory=list)
    orders: list[OrderRow] = Field(default_factory=list)
    orders_total: int = 0
    late: int = 0
    quarantined: int = 0
    test_orders: int = 0
    late_orders: list[OrderRow] = Field(default_factory=list)
    changes: list[Change] = Field(default_factory=list)
    trials: int | None = None
    liveness: Liveness = Liveness()
    health: Health = Health()
