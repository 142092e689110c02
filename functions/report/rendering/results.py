"""What trades came to, as the mail shows it: money by currency, tables, fills against signals, verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from uuid import UUID

from functions.report.rendering import words
from functions.report.rendering.naming import SnapshotName
from linkage.contracts.performance import (
    By,
    Change,
    ComparedSet,
    ComparisonRow,
    Execution,
    FoldedRow,
    Funnel,
    Money,
    OpenLotRow,
    PerformanceRow,
    PerformanceTable,
    Range,
)
from linkage.contracts.report import ModeReport, OrderRow, ReportDocument

MAX_ROWS = 8
MAX_LOTS = 3
MAX_CURRENCIES = 4
MAX_CHANGES = 5
MAX_COMPARISONS = 5
MAX_PHRASES = 6

SAYS_NOTHING = "too few to say"
TABLE_NAMES: dict[By, str] = {
    "snapshot": "parameter set",
    "params_hash": "parameters",
    "arm": "arm",
    "strategy": "strategy",
    "bot": "bot",
    "trigger": "trigger",
    "score": "score at entry",
    "symbol": "symbol",
    "exit": "what closed it",
    "hour": "hour of entry (UTC)",
}

NameOf = Callable[[UUID, str | None], SnapshotName]


@dataclass(frozen=True, slots=True)
class Line:
    """One figure with its name and what to know about it."""

    label: str
    value: str
    note: str = ""
    loss: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture inside the mail.

    Attributes:
        cid: its Content-ID, and the stem of its file name.
        alt: what it shows, for those who do not see it.
    """

    cid: str
    alt: str


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
class MoneyView:
    """The results of one currency."""

    currency: str
    lines: Sequence[Line]
    lots: Sequence[LotLine]
    more_lots: str
    picture: Picture | None


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One row of a table of results."""

    name: SnapshotName
    standing: str
    counts: str
    open: str
    pnl: str
    loss: bool
    expectancy: str
    won: str
    factor: str


@dataclass(frozen=True, slots=True)
class TableView:
    """Results by one thing; ``folded`` are the rows that say nothing yet, one line for each currency."""

    by: str
    rows: Sequence[ResultLine]
    folded: Sequence[str]
    more: str


@dataclass(frozen=True, slots=True)
class VerdictLine:
    """One parameter set against another."""

    one: SnapshotName
    reference: SnapshotName
    words: str
    said: bool
    reason: str
    records: Sequence[Line]
    changes: str


@dataclass(frozen=True, slots=True)
class ResultsView:
    """What the trades of one mode came to."""

    mode: str
    money: Sequence[MoneyView]
    more_currencies: str
    tables: Sequence[TableView]
    execution: Sequence[Line]
    verdicts: Sequence[VerdictLine]
    more_verdicts: str


def results_of(mode: ModeReport, names: NameOf, zone: tzinfo, pictures: dict[str, str]) -> ResultsView:
    """Return the results of one mode.

    Args:
        mode: of the document.
        names: what to call a parameter set, by its id and its label.
        zone: of the times.
        pictures: Content-IDs of the curves, by currency.
    """
    worth = [each for each in mode.money if _worth_showing(each)]
    compared = mode.comparisons
    return ResultsView(
        mode=mode.mode,
        money=[_money(each, names, zone, pictures.get(each.currency)) for each in worth[:MAX_CURRENCIES]],
        more_currencies=_more(len(worth) - MAX_CURRENCIES, "more currency", "more currencies"),
        tables=[view for view in (_table(each, names) for each in mode.tables) if view.rows or view.folded],
        execution=[*_funnel(mode.funnel), *(_execution(each) for each in mode.executions if each.orders)],
        verdicts=[_verdict(each, names) for each in compared[:MAX_COMPARISONS]],
        more_verdicts=_more(len(compared) - MAX_COMPARISONS, "more comparison", "more comparisons"),
    )


def change_words(change: Change, names: NameOf, zone: tzinfo) -> Line:
    """Return when a parameter set came into force, which, and what is different about it."""
    name = names(change.snapshot_id, change.label)
    arm = "" if change.arm == "main" else f", arm {words.plain(change.arm, 24)}"
    if change.before is None:
        what = "the first of its arm"
    elif change.changes is None:
        what = "what differs is not known: one of the two was never described"
    else:
        what = _phrases(change.changes) or "nothing differs but its name"
    return Line(
        f"{words.day_and_time(change.at, zone)} {words.plain(change.strategy, 24)}{arm}", name.name, what
    )


def late_words(order: OrderRow, zone: tzinfo) -> str:
    """Return one order that came in late, on one line."""
    mode = "" if order.mode in ("live", "unknown") else f" ({order.mode})"
    return (
        f"{words.day_and_time(order.order_time, zone)} {order.side} {words.plain(order.symbol, 24)}{mode}: "
        f"{order.disposition.replace('_', ' ')}"
    )


def lots_note(document: ReportDocument, zone: tzinfo) -> str:
    """Return until when results are up to date, where they are not."""
    health = document.health
    if not any(mode.money for mode in document.modes) and not health.lots_behind:
        return ""
    if health.lots_as_of is None:
        return "Results have not been computed yet; the next sweep does."
    if health.lots_behind:
        return (
            f"Results are as of {words.day_and_time(health.lots_as_of, zone)}; orders have changed since, "
            "and are in the next report's."
        )
    return ""


def _worth_showing(money: Money) -> bool:
    return bool(
        money.total.n or money.open_lots or money.unmatched_exits or money.late_lots or money.unpriced
        or money.residue_pnl
    )  # fmt: skip


def _money(money: Money, names: NameOf, zone: tzinfo, cid: str | None) -> MoneyView:
    return MoneyView(
        currency=words.plain(money.currency, 12),
        lines=[line for line in _money_lines(money, zone) if line is not None],
        lots=[_lot(lot, names, zone) for lot in money.oldest[:MAX_LOTS]],
        more_lots=_more(money.open_lots - min(MAX_LOTS, len(money.oldest)), "more open lot"),
        picture=None if cid is None else Picture(cid, _alt(money)),
    )


def _alt(money: Money) -> str:
    return (
        f"Net P&L in {words.plain(money.currency, 12)} over the period: it ends at "
        f"{words.signed(money.curve[-1].net_pnl)}, its deepest fall was {words.money(money.drawdown.amount)}."
    )


def _money_lines(money: Money, zone: tzinfo) -> list[Line | None]:
    total, unit = money.total, money.currency
    even = f", {words.count(total.even)} even" if total.even else ""
    first = money.unmatched[0] if money.unmatched else None
    return [
        Line(
            "Closed",
            words.signed(total.net_pnl, unit),
            f"{words.plural(total.n, 'episode')}: {words.count(total.wins)} won, "
            f"{words.count(total.losses)} lost{even}; net of fees"
            if total.n
            else "no episode closed",
            total.net_pnl < 0,
        ),
        _open_line(money, zone),
        Line(
            "Banked, still open",
            words.signed(money.banked, unit),
            f"closed parts of positions that are still open; {words.signed(money.banked_in_period)} of it in "
            "this period",
            money.banked < 0,
        )
        if money.banked or money.banked_in_period
        else None,
        Line(
            "Drawdown",
            words.money(money.drawdown.amount) + f" {words.plain(unit, 12)}",
            f"{words.percent(money.drawdown.share)} of the period's highest profit"
            if money.drawdown.share is not None
            else "deepest fall of the period",
        )
        if total.n and money.drawdown.amount
        else None,
        Line(
            "Unmatched exits",
            words.count(money.unmatched_exits),
            "their entries are not known, so they are in no result"
            + (
                f"; last: {first.side} {words.plain(first.symbol, 24)} for {words.money(first.value)} "
                f"{words.plain(unit, 12)} on {words.day_and_time(first.executed_at, zone)}"
                if first
                else ""
            ),
            loss=True,
        )
        if money.unmatched_exits
        else None,
        Line(
            "Fees incomplete",
            words.count(money.fees_incomplete),
            f"{words.plural(money.fees_incomplete, 'lot')} with a fee for which no rate is known: the true "
            "result is lower",
            loss=True,
        )
        if money.fees_incomplete
        else None,
        Line("Without a price", words.count(money.unpriced), "closed episodes that are in no result")
        if money.unpriced
        else None,
        Line(
            "Came in late",
            words.signed(money.late_pnl, unit),
            f"{words.plural(money.late_lots, 'lot')} of earlier periods, in no sum of this one",
            money.late_pnl < 0,
        )
        if money.late_lots
        else None,
        Line(
            "Dust",
            words.signed(money.dust_pnl, unit),
            f"{words.plural(money.dust_lots, 'rest')} too small to trade, counted in closed",
        )
        if money.dust_lots
        else None,
        Line("Without a quantity", words.signed(money.residue_pnl, unit), "money outside of any episode")
        if money.residue_pnl
        else None,
    ]


def _open_line(money: Money, zone: tzinfo) -> Line:
    part, unit = money.total.open, money.currency
    if not money.open_lots:
        return Line("Open", "0", "nothing is open")
    oldest = money.oldest[0] if money.oldest else None
    notes = [words.plural(money.open_lots, "lot")]
    if oldest is not None:
        notes.append(
            f"the oldest {words.plain(oldest.symbol, 24)} since {words.day_and_time(oldest.opened_at, zone)}"
        )
    if part.unmarked:
        notes.append(f"{words.count(part.unmarked)} without a price, not counted")
    unknown = part.unmarked >= max(part.n, 1)
    return Line(
        "Open, at the mark",
        words.NOTHING if unknown else words.signed(part.pnl_at_mark, unit),
        ", ".join(notes),
        not unknown and part.pnl_at_mark < 0,
    )


def _lot(lot: OpenLotRow, names: NameOf, zone: tzinfo) -> LotLine:
    mark = ""
    if lot.mark_price is not None and lot.marked_at is not None:
        source = f"{words.plain(lot.mark_source, 24)}, " if lot.mark_source else ""
        when = words.day_and_time(lot.marked_at, zone)
        mark = f"marked at {words.number(lot.mark_price)} ({source}{when})"
    name = names(lot.snapshot_id, lot.label).name if lot.snapshot_id else words.plain(lot.bot_id or "", 24)
    return LotLine(
        symbol=words.plain(lot.symbol, 24),
        side=lot.side,
        opened=words.day_and_time(lot.opened_at, zone),
        age=words.age((lot.marked_at - lot.opened_at).total_seconds()) if lot.marked_at else "",
        value=f"{words.money(lot.entry_value)} {words.plain(lot.currency, 12)}",
        pnl=words.signed(lot.open_pnl, lot.currency) if lot.open_pnl is not None else "no price known",
        mark=mark,
        name=name,
        loss=lot.open_pnl is not None and lot.open_pnl < 0,
    )


def _table(table: PerformanceTable, names: NameOf) -> TableView:
    said = [row for row in table.rows if row.standing != SAYS_NOTHING]
    folded = sum(each.rows for each in table.folded)
    hidden = max(table.rows_total - folded, len(said)) - MAX_ROWS
    return TableView(
        by=TABLE_NAMES[table.by],
        rows=[_row(row, table.by, names) for row in said[:MAX_ROWS]],
        folded=[_folded(each, bool(said)) for each in table.folded[:MAX_CURRENCIES]],
        more=_more(hidden, "more row in results.csv", "more rows in results.csv"),
    )


def _folded(fold: FoldedRow, others: bool) -> str:
    still_open = (
        f"; {words.count(fold.n_open)} open, {words.signed(fold.open_pnl, fold.currency)}"
        if fold.n_open
        else ""
    )
    more = "more " if others else ""
    return (
        f"{words.count(fold.rows)} {more}with too few to say: {words.plural(fold.n, 'episode')}, "
        f"{words.signed(fold.net_pnl, fold.currency)}{still_open}"
    )


def _row(row: PerformanceRow, by: By, names: NameOf) -> ResultLine:
    part = row.open
    marked = words.signed(part.pnl_at_mark) if part.unmarked < part.n else "no price"
    return ResultLine(
        name=_row_name(row, by, names),
        standing="" if row.standing == "enough" else row.standing,
        counts=f"n {words.count(row.n)}, n_eff {row.n_eff:.0f}",
        open=f"{words.count(part.n)} open, {marked}" if part.n else "",
        pnl=words.signed(row.net_pnl, row.currency),
        loss=row.net_pnl < 0,
        expectancy=f"{words.signed(row.expectancy)} each{_range(row.expectancy_interval)}",
        won=f"{words.percent(row.win_rate)} won{_shares(row.win_rate_interval)}",
        factor=_factor(row),
    )


def _row_name(row: PerformanceRow, by: By, names: NameOf) -> SnapshotName:
    if by == "snapshot":
        try:
            return names(UUID(row.group), row.name)
        except ValueError:
            pass
    if row.group == "none":
        return SnapshotName(f"no {TABLE_NAMES[by]}")
    return SnapshotName(words.plain(row.name or row.group))


def _factor(row: PerformanceRow) -> str:
    if row.profit_factor is not None:
        return f"profit factor {row.profit_factor:.2f}"
    return "no losses" if row.wins else ""


def _range(interval: Range | None) -> str:
    return f" ({words.signed(interval.low)} to {words.signed(interval.high)})" if interval else ""


def _shares(interval: Range | None) -> str:
    return f" ({interval.low * 100:.0f} to {words.percent(interval.high)})" if interval else ""


def _funnel(funnel: Funnel) -> list[Line]:
    lines = []
    if funnel.sent:
        lines.append(
            Line(
                "Signals",
                words.count(funnel.sent),
                f"{words.plural(funnel.ordered, 'order')} came of them, {words.count(funnel.filled)} filled",
            )
        )
    if funnel.suppressed:
        by_number = sorted(funnel.suppressed.items(), key=lambda each: (-each[1], each[0]))
        shown = [f"{words.plain(name, 24)} {words.count(number)}" for name, number in by_number[:MAX_PHRASES]]
        rest = _more(len(by_number) - MAX_PHRASES, "more guardrail")
        lines.append(
            Line(
                "Held back",
                words.count(sum(funnel.suppressed.values())),
                ", ".join(filter(None, [*shown, rest])),
            )
        )
    return lines


def _execution(each: Execution) -> Line:
    notes = []
    if each.slippage_median is not None and each.slippage_worst is not None:
        notes.append(
            f"slippage median {words.percent(each.slippage_median, 2)}, "
            f"worst {words.percent(each.slippage_worst, 2)}"
        )
    if each.delay_median_seconds is not None and each.delay_worst_seconds is not None:
        notes.append(
            f"signal to fill median {words.age(each.delay_median_seconds)}, "
            f"worst {words.age(each.delay_worst_seconds)}"
        )
    return Line(
        "Buys" if each.side == "buy" else "Sells",
        words.count(each.orders),
        "; ".join(notes) or "without a signal's price or time to compare with",
    )


def _verdict(each: ComparisonRow, names: NameOf) -> VerdictLine:
    one, reference = (names(side.snapshot_id, side.label) for side in (each.one, each.reference))
    difference = ""
    if each.difference is not None:
        interval = each.interval
        difference = words.percent(each.difference, 2)
        if interval is not None:
            difference += f" ({interval.low * 100:.2f} to {words.percent(interval.high, 2)})".replace(
                "-", "−"
            )
    shrunken = f"best guess of what will be left of it: {words.percent(each.shrunken, 2)}"
    records = [_record(one.name, each.one, each.n), _record(reference.name, each.reference, each.n_reference)]
    if difference:
        records.append(
            Line("Difference per trade", difference, shrunken if each.shrunken is not None else "")
        )
    return VerdictLine(
        one=one,
        reference=reference,
        words=words.plain(each.words, 80),
        said=each.verdict in ("better", "worse"),
        reason=words.plain(each.reason, 200),
        records=records,
        changes=_phrases(each.changes),
    )


def _record(name: str, side: ComparedSet, n: int) -> Line:
    market = "unknown" if side.market_return is None else words.percent(side.market_return, 1)
    row = side.record
    return Line(
        name,
        words.signed(row.net_pnl, row.currency),
        f"{words.plural(n, 'episode')}, {words.percent(row.unit_return, 2)} per trade; the market: {market}",
        row.net_pnl < 0,
    )


def _phrases(phrases: Sequence[str]) -> str:
    shown = [words.plain(phrase, 120) for phrase in phrases[:MAX_PHRASES]]
    return "; ".join(filter(None, [*shown, _more(len(phrases) - MAX_PHRASES, "more change")]))


def _more(number: int, one: str, many: str | None = None) -> str:
    return f"and {words.plural(number, one, many)}" if number > 0 else ""
