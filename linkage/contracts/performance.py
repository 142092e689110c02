"""What trades made, as the report's wire models. Definitions are those of ``linkage.domain.performance``.

Money is in the currency named beside it, and never added up over currencies or modes. Shares are of 1: 0.01
is one per cent. Lengths of time are in seconds.
"""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from linkage.contracts.types import Answer, Number, UtcTime

from uuid import UUID  # isort: skip  (pydantic needs it at run time)

By = Literal[
    "snapshot", "params_hash", "arm", "strategy", "bot", "trigger", "score", "symbol", "exit", "hour"
]
"""What a table can be grouped by: ``exit`` is what ended an episode, ``score`` and ``hour`` (UTC) that of its
first entry."""

TABLES: tuple[By, ...] = get_args(By)
MAIL_TABLES: tuple[By, ...] = ("snapshot", "trigger")
"""The tables of a report that nobody asked others of."""

MAX_CURVE_POINTS = 500

Standing = Literal["insufficient data", "indicative", "enough"]
INSUFFICIENT_DATA: Standing = "insufficient data"
Basis = Literal["interleaved", "not drawn", "disjoint"]
Verdict = Literal["better", "worse", "cannot say yet", "cannot separate from the market"]


class Range(Answer):
    """An interval, both ends included."""

    low: Number
    high: Number


class MaxDrawdown(Answer):
    """The largest drawdown of the cumulative net P&L.

    ``share`` is of the equity at its peak; None without one.
    """

    amount: Number
    share: Number | None = None


class OpenPart(Answer):
    """Open lots of one row, of which ``unmarked`` have no price; ``pnl_at_mark`` is that of the others."""

    n: int = 0
    unmarked: int = 0
    pnl_at_mark: Number
    oldest_seconds: Number | None = None


class PerformanceRow(Answer):
    """Every metric of the episodes of one group that were closed in the period, and what is open of it.

    Attributes:
        group: the value it is grouped by; empty in a row over everything; ``none`` where there is none.
        name: what people call it: a snapshot's label; None where the value has to do.
        standing: what the row may be taken for. Intervals are None where there is insufficient data.
        more_needed: about how many more episodes it takes to find the smallest difference worth acting on.
        profit_factor: None with wins above 0 reads "no losses".
        unit_return: mean share of the entry notional. r_multiple: of the risk, over ``n_r`` episodes.
        sharpe_above_zero: probability that the true Sharpe ratio is above 0.
        slippage, delay_seconds: of the first entries; a positive slippage is a cost.
        fees_incomplete: episodes with a fee in a currency for which no rate is known.
        mixed: episodes in which another parameter set took part.
    """

    group: str = ""
    name: str | None = None
    currency: str
    n: int
    n_eff: Number
    standing: Standing
    more_needed: int
    wins: int
    losses: int
    even: int
    net_pnl: Number
    gross_profit: Number
    gross_loss: Number
    win_rate: Number | None = None
    win_rate_interval: Range | None = None
    profit_factor: Number | None = None
    expectancy: Number | None = None
    expectancy_interval: Range | None = None
    unit_return: Number | None = None
    unit_return_interval: Range | None = None
    r_multiple: Number | None = None
    n_r: int = 0
    drawdown: MaxDrawdown
    sharpe: Number | None = None
    sharpe_above_zero: Number | None = None
    holding_mean_seconds: Number | None = None
    holding_median_seconds: Number | None = None
    slippage: Number | None = None
    n_slippage: int = 0
    delay_seconds: Number | None = None
    n_delay: int = 0
    fees_incomplete: int = 0
    mixed: int = 0
    open: OpenPart


class FoldedRow(Answer):
    """The rows of one currency with insufficient data, as one line."""

    currency: str
    rows: int
    n: int
    net_pnl: Number
    n_open: int
    open_pnl: Number


class PerformanceTable(Answer):
    """One mode's episodes, by one thing: ``rows``; ``folded`` sums up those with insufficient data.

    Attributes:
        rows_total: how many rows there were; only the largest are in ``rows``.
    """

    by: By
    rows: list[PerformanceRow] = Field(default_factory=list)
    folded: list[FoldedRow] = Field(default_factory=list)
    rows_total: int = 0


class CurvePoint(Answer):
    """The net P&L of all episodes closed in the period up to and with this moment."""

    at: UtcTime
    net_pnl: Number


class OpenLotRow(Answer):
    """A lot that is still open.

    Attributes:
        mark_source: where the mark is from: ``last trade`` of its book, or who reported the rate. All None
            where no price is known.
        open_pnl: at the mark, after the fees so far.
    """

    entry_order_id: str
    symbol: str
    side: str
    bot_id: str | None = None
    snapshot_id: UUID | None = None
    label: str | None = None
    arm: str | None = None
    opened_at: UtcTime
    quantity: Number
    currency: str
    entry_price: Number | None = None
    entry_value: Number
    mark_price: Number | None = None
    marked_at: UtcTime | None = None
    mark_source: str | None = None
    open_pnl: Number | None = None


class UnmatchedExitRow(Answer):
    """An exit for which no entry is known: its P&L is unknown."""

    order_id: str
    symbol: str
    side: str
    bot_id: str | None = None
    executed_at: UtcTime
    quantity: Number
    currency: str
    value: Number


class Money(Answer):
    """The results of one currency.

    ``total.net_pnl`` (episodes closed in the period) is the sum of every table. The realised P&L of open
    episodes is in none of them until they close.

    Attributes:
        total: one row over all episodes that were closed in the period, and over all that is open.
        realised_open_pnl: net P&L of the closed lots of episodes that are still open, whenever that was;
            ``realised_open_pnl_in_period`` of those closed in the period.
        open_lots: lots that are open now; ``oldest`` the first few, oldest first.
        unmatched_exits: in the period; ``unmatched`` the latest few.
        unpriced: episodes closed in the period without a result, because a price is missing.
        dust_lots, dust_pnl: rests too small to trade, closed in the period; their P&L is in the total.
        residue_pnl: money that orders moved in the period without a quantity, outside of any episode.
        fees_incomplete: lots closed in the period with a fee for which no rate is known.
        curve: thinned out; the first point is the start of the period with 0, the last its sum.
        drawdown: of the whole curve. The share is of the peak of the period's own P&L.
        late_lots, late_pnl: lots that were closed before the period and have an order that was first
            recorded in it: results of earlier periods as they are now.
    """

    currency: str
    total: PerformanceRow
    realised_open_pnl: Number
    realised_open_pnl_in_period: Number
    open_lots: int = 0
    oldest: list[OpenLotRow] = Field(default_factory=list)
    unmatched_exits: int = 0
    unmatched: list[UnmatchedExitRow] = Field(default_factory=list)
    unpriced: int = 0
    dust_lots: int = 0
    dust_pnl: Number
    residue_pnl: Number
    fees_incomplete: int = 0
    curve: list[CurvePoint] = Field(default_factory=list)
    drawdown: MaxDrawdown
    late_lots: int = 0
    late_pnl: Number


class Execution(Answer):
    """How far fills were from their signals, over the linked orders of the period of one side.

    Attributes:
        slippage_mean, slippage_median, slippage_worst: shares of the signal's price; positive is a cost.
        n_slippage: orders with a signal price. n_delay: with a signal time.
    """

    side: Literal["buy", "sell"]
    orders: int
    n_slippage: int = 0
    slippage_mean: Number | None = None
    slippage_median: Number | None = None
    slippage_worst: Number | None = None
    n_delay: int = 0
    delay_mean_seconds: Number | None = None
    delay_median_seconds: Number | None = None
    delay_worst_seconds: Number | None = None


class Funnel(Answer):
    """How far the period's signals went. ``suppressed`` counts them by guardrail.

    Attributes:
        missed: signals that were sent and not filled, of whose symbol the period has a later price.
        missed_return: what each would have made at the last of them, mean share of the signal's price.
    """

    sent: int = 0
    ordered: int = 0
    filled: int = 0
    missed: int = 0
    missed_return: Number | None = None
    suppressed: dict[str, int] = Field(default_factory=dict)


class ComparedSet(Answer):
    """One side of a comparison: a snapshot, and its record over everything it ever did.

    Attributes:
        market_return: what holding the symbols it traded would have made while it was in force, as a share,
            each of them alike; None where the ledger knows no prices.
    """

    snapshot_id: UUID
    label: str | None = None
    strategy: str | None = None
    arms: list[str] = Field(default_factory=list)
    record: PerformanceRow
    market_return: Number | None = None


class ComparisonRow(Answer):
    """One parameter set against another, over all the ledger. Differences are per trade, of the notional.

    Attributes:
        verdict_text: the verdict as it is printed. reason: why, one sentence.
        interval: holds at every look, over all comparisons. shrunken: after shrinking with all others.
        changes: what differs between the parameters, one phrase each.
    """

    currency: str
    one: ComparedSet
    reference: ComparedSet
    basis: Basis
    verdict: Verdict
    verdict_text: str
    reason: str
    n: int
    n_reference: int
    n_eff: Number
    n_eff_reference: Number
    difference: Number | None = None
    interval: Range | None = None
    shrunken: Number | None = None
    shrunken_interval: Range | None = None
    p_value: Number | None = None
    more_needed: int | None = None
    changes: list[str] = Field(default_factory=list)


class Change(Answer):
    """A parameter set that came into force in the period.

    Attributes:
        before: what was in force before it in that arm; None if it is the first.
        changes: what differs, one phrase each; None where one of the two was never described.
    """

    at: UtcTime
    strategy: str
    arm: str
    snapshot_id: UUID
    label: str | None = None
    before: UUID | None = None
    before_label: str | None = None
    changes: list[str] | None = None


class Health(Answer):
    """Signs of life, for warnings.

    Attributes:
        runs: of strategies in the period. fills: executions in the period.
        last_run_seen: symbols that the last run had data for; ``last_run_skipped`` the others, by reason.
        last_bar_at: start of the newest bar that any signal was decided on.
        lots_as_of: orders changed before this are in the lots; None if they never were brought up to date.
        lots_behind: whether orders have changed since that the lots do not know yet.
    """

    runs: int = 0
    fills: int = 0
    last_run_seen: int | None = None
    last_run_skipped: dict[str, int] = Field(default_factory=dict)
    last_bar_at: UtcTime | None = None
    lots_as_of: UtcTime | None = None
    lots_behind: bool = False
