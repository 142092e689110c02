"""What the trades of each mode and currency made: figures, the P&L curve and the oldest open lots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from functions.report.rendering import formatting
from functions.report.rendering.figures import Line
from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.money_lines import money_lines
from functions.report.rendering.section import Chart, ReportContext, Section
from linkage.contracts.performance import Money, OpenLotRow


@dataclass(frozen=True, slots=True)
class Limits(SectionLimits):
    """How much of it is shown; charts are counted over all modes and currencies."""

    currencies: int = 4
    lots: int = 3
    charts: int = 4


@dataclass(frozen=True, slots=True)
class Picture:
    """The P&L curve inside the mail.

    Attributes:
        alt: what it shows, for those who do not see it.
        line: the same curve as a line of text.
    """

    chart: Chart
    alt: str
    line: str


@dataclass(frozen=True, slots=True)
class LotLine:
    """An open lot."""

    symbol: str
    side: str
    opened: str
    age: str
    value: str
    pnl: str
    mark: str
    name: str
    loss: bool


@dataclass(frozen=True, slots=True)
class CurrencyResults:
    """The results of one currency."""

    currency: str
    lines: Sequence[Line]
    lots: Sequence[LotLine]
    more_lots: str
    picture: Picture | None


@dataclass(frozen=True, slots=True)
class ModeResults:
    """The results of one mode."""

    mode: str
    currencies: Sequence[CurrencyResults]
    more_currencies: str


def build(context: ReportContext, limits: Limits) -> Sequence[ModeResults] | None:
    """Return the results by mode and currency; None where nothing was closed and nothing is open."""
    cids = iter([f"pnl-{number}" for number in range(1, limits.charts + 1)])
    results = []
    for mode in context.document.modes:
        worth = [money for money in mode.money if _is_worth_showing(money)]
        shown = [_currency(money, context, limits, cids) for money in worth[: limits.currencies]]
        more = formatting.more(len(worth) - limits.currencies, "more currency", "more currencies")
        if shown:
            results.append(ModeResults(context.mode_label(mode), shown, more))
    return results or None


def charts(results: Sequence[ModeResults]) -> list[Chart]:
    """Return the curves that are shown."""
    return [currency.picture.chart for mode in results for currency in mode.currencies if currency.picture]


def _is_worth_showing(money: Money) -> bool:
    return bool(
        money.total.n or money.open_lots or money.unmatched_exits or money.late_lots or money.unpriced
        or money.residue_pnl
    )  # fmt: skip


def _currency(money: Money, context: ReportContext, limits: Limits, cids: Iterator[str]) -> CurrencyResults:
    hidden = money.open_lots - min(limits.lots, len(money.oldest))
    return CurrencyResults(
        currency=formatting.plain(money.currency, 12),
        lines=money_lines(money, context.zone),
        lots=[_lot(lot, context) for lot in money.oldest[: limits.lots]],
        more_lots=formatting.more(hidden, "more open lot"),
        picture=_picture(money, context, cids),
    )


def _picture(money: Money, context: ReportContext, cids: Iterator[str]) -> Picture | None:
    moves = money.total.n and len({point.net_pnl for point in money.curve}) > 1
    cid = next(cids, None) if moves else None
    if cid is None:
        return None
    values = [point.net_pnl for point in money.curve]
    low, high, last = (formatting.signed(value) for value in (min(values), max(values), values[-1]))
    blocks = formatting.curve([(point.at, point.net_pnl) for point in money.curve], context.end)
    return Picture(
        chart=Chart(cid, money.curve, money.currency),
        alt=f"Net P&L in {formatting.plain(money.currency, 12)} over the period: it ends at {last}; the "
        f"largest drawdown was {formatting.money(money.drawdown.amount)}.",
        line=f"{blocks}   between {low} and {high}, ends at {last}",
    )


def _lot(lot: OpenLotRow, context: ReportContext) -> LotLine:
    mark = ""
    if lot.mark_price is not None and lot.marked_at is not None:
        source = f"{formatting.plain(lot.mark_source, 24)}, " if lot.mark_source else ""
        when = formatting.day_and_time(lot.marked_at, context.zone)
        mark = f"marked at {formatting.price(lot.mark_price)} ({source}{when})"
    return LotLine(
        symbol=formatting.plain(lot.symbol, 24),
        side=lot.side,
        opened=formatting.day_and_time(lot.opened_at, context.zone),
        age=formatting.age((lot.marked_at - lot.opened_at).total_seconds()) if lot.marked_at else "",
        value=f"{formatting.money(lot.entry_value)} {formatting.plain(lot.currency, 12)}",
        pnl=formatting.signed(lot.open_pnl, lot.currency) if lot.open_pnl is not None else "no price known",
        mark=mark,
        name=context.names.of(lot.snapshot_id, lot.label).name
        if lot.snapshot_id
        else formatting.plain(lot.bot_id or "", 24),
        loss=lot.open_pnl is not None and lot.open_pnl < 0,
    )


SECTION = Section("results", build, Limits(), charts)
