"""What trades came to, as the mail shows it: money by currency, tables, fills against signals, verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from uuid import UUID

from functions.report.rendering import words
from functions.report.rendering.naming import SnapshotName
from functions.report.rendering.room import Room
from linkage.contracts.performance import (
    By,
    Change,
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
        line: the same curve as a line of text.
    """

    cid: str
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
class Pair:
    """One figure of two parameter sets."""

    label: str
    one: str
    reference: str


@dataclass(frozen=True, slots=True)
class VerdictLine:
    """One parameter set against another: the verdict, both records, and what is left between them."""

    one: str
    reference: str
    words: str
    said: bool
    reason: str
    records: Sequence[Pair]
    difference: str
    changes: str


@dataclass(frozen=True, slots=True)
class ResultsView:
    """What the trades of one mode came to."""

    mode: str
    is_named: bool
    money: Sequence[MoneyView]
    more_currencies: str
    tables: Sequence[TableView]
    execution: Sequence[Line]
    verdicts: Sequence[VerdictLine]
    more_verdicts: str


def results_of(
    mode: ModeReport, names: NameOf, zone: tzinfo, pictures: Mapping[str, str], until: datetime, room: Room
) -> ResultsView:
    """Return the results of one mode.

    Args:
        mode: of the document.
        names: what to call a parameter set, by its id and its label.
        zone: of the times.
        pictures: Content-IDs of the curves, by currency.
        until: end of the period.
        room: how much of everything is shown.
    """
    worth = [each for each in mode.money if _worth_showing(each)]
    compared = mode.comparisons
    shown = [
        _money(each, names, zone, _picture(each, pictures.get(each.currency), until), room)
        for each in worth[: room.currencies]
    ]
    return ResultsView(
        mode=words.mode_words(mode.mode),
        is_named=mode.mode not in ("live", "unknown"),
        money=shown,
        more_currencies=_more(len(worth) - room.currencies, "more currency", "more currencies"),
        tables=[
            view for view in (_table(each, names, room) for each in mode.tables) if view.rows or view.folded
        ],
        execution=[
            *_funnel(mode.funnel, room), *(_execution(each) for each in mode.executions if each.orders)
        ],
        verdicts=[_verdict(each, names, room) for each in compared[: room.comparisons]],
        more_verdicts=_more(len(compared) - room.comparisons, "more comparison", "more comparisons"),
    )  # fmt: skip


def sum_words(money: Money) -> str:
    """Return what a currency came to in one line: ``+41.20 USD closed · −3.15 USD open (2 lots)``."""
    closed = [f"{words.signed(money.total.net_pnl, money.currency)} closed"] if money.total.n else []
    lots = words.plural(money.open_lots, "lot")
    still_open = [f"{_at_mark(money)} open ({lots})" if _has_mark(money) else f"{lots} open"]
    return " · ".join(closed + still_open * bool(money.open_lots))


def change_words(change: Change, names: NameOf, zone: tzinfo, room: Room) -> Line:
    """Return when a parameter set came into force, which, and what is different about it."""
    name = names(change.snapshot_id, change.label)
    arm = "" if change.arm == "main" else f", arm {words.plain(change.arm, 24)}"
    if change.before is None:
        what = "the first of its arm"
    elif change.changes is None:
        what = "what differs is not known: one of the two was never described"
    else:
        what = _phrases(change.changes, room) or "nothing differs but its name"
    strategy = words.plain(change.strategy, 24)
    # A set without a label is called by its strategy already.
    where = "" if name.name == strategy else f" {strategy}"
    return Line(f"{words.day_and_time(change.at, zone)}{where}{arm}", name.name, what)


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


def _money(money: Money, names: NameOf, zone: tzinfo, picture: Picture | None, room: Room) -> MoneyView:
    return MoneyView(
        currency=words.plain(money.currency, 12),
        lines=[line for line in _money_lines(money, zone) if line is not None],
        lots=[_lot(lot, names, zone) for lot in money.oldest[: room.lots]],
        more_lots=_more(money.open_lots - min(room.lots, len(money.oldest)), "more open lot"),
        picture=picture,
    )


def _picture(money: Money, cid: str | None, until: datetime) -> Picture | None:
    if cid is None:
        return None
    values = [point.net_pnl for point in money.curve]
    low, high, last = (words.signed(value) for value in (min(values), max(values), values[-1]))
    blocks = words.curve([(point.at, point.net_pnl) for point in money.curve], until)
    return Picture(
        cid=cid,
        alt=f"Net P&L in {words.plain(money.currency, 12)} over the period: it ends at {last}, its deepest "
        f"fall was {words.money(money.drawdown.amount)}.",
        line=f"{blocks}   between {low} and {high}, ends at {last}",
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
    part = money.total.open
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
    known = _has_mark(money)
    return Line("Open, at the mark", _at_mark(money), ", ".join(notes), known and part.pnl_at_mark < 0)


def _has_mark(money: Money) -> bool:
    return money.total.open.unmarked < money.total.open.n


def _at_mark(money: Money) -> str:
    return words.signed(money.total.open.pnl_at_mark, money.currency) if _has_mark(money) else words.NOTHING


def _lot(lot: OpenLotRow, names: NameOf, zone: tzinfo) -> LotLine:
    mark = ""
    if lot.mark_price is not None and lot.marked_at is not None:
        source = f"{words.plain(lot.mark_source, 24)}, " if lot.mark_source else ""
        when = words.day_and_time(lot.marked_at, zone)
        mark = f"marked at {words.price(lot.mark_price)} ({source}{when})"
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


def _table(table: PerformanceTable, names: NameOf, room: Room) -> TableView:
    said = [row for row in table.rows if row.standing != SAYS_NOTHING]
    folded = sum(each.rows for each in table.folded)
    hidden = max(table.rows_total - folded, len(said)) - room.rows
    return TableView(
        by=TABLE_NAMES[table.by],
        rows=[_row(row, table.by, names) for row in said[: room.rows]],
        folded=[_folded(each, bool(said)) for each in table.folded[: room.folded]],
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
    mixed = f", {words.count(row.mixed)} mixed" if row.mixed else ""
    return ResultLine(
        name=_row_name(row, by, names),
        standing="" if row.standing == "enough" else row.standing,
        counts=f"n {words.count(row.n)}, n_eff {row.n_eff:.0f}{mixed}",
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


def _funnel(funnel: Funnel, room: Room) -> list[Line]:
    lines = []
    if funnel.sent:
        lines.append(
            Line(
                "Signals",
                words.count(funnel.sent),
                f"{words.plural(funnel.ordered, 'order')} came of them, {words.count(funnel.filled)} filled",
            )
        )
    if funnel.missed:
        lines.append(
            Line(
                "Not filled",
                words.count(funnel.sent - funnel.filled),
                f"{words.count(funnel.missed)} of them with a later price, at which each would have made "
                f"{words.gain(funnel.missed_return)}",
            )
        )
    if funnel.suppressed:
        by_number = sorted(funnel.suppressed.items(), key=lambda each: (-each[1], each[0]))
        first = by_number[: room.phrases]
        shown = [f"{words.plain(name, 24)} {words.count(number)}" for name, number in first]
        rest = _more(len(by_number) - room.phrases, "more guardrail")
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


def _verdict(each: ComparisonRow, names: NameOf, room: Room) -> VerdictLine:
    sides = (each.one, each.reference)
    one, reference = _told_apart(*(names(side.snapshot_id, side.label) for side in sides))
    records = [side.record for side in sides]
    told = words.plain(each.words, 80)
    return VerdictLine(
        one=one,
        reference=reference,
        words=told[:1].upper() + told[1:],
        said=each.verdict in ("better", "worse"),
        reason=words.plain(each.reason, 200),
        records=[
            Pair("Episodes", words.count(each.n), words.count(each.n_reference)),
            Pair("Won", *(words.percent(record.win_rate) for record in records)),
            Pair("Net P&L", *(words.signed(record.net_pnl, record.currency) for record in records)),
            Pair("Per trade", *(words.gain(record.unit_return) for record in records)),
            Pair("The market", *(words.gain(side.market_return, 1) for side in sides)),
        ],
        difference=_difference(each),
        changes=_phrases(each.changes, room),
    )


def _told_apart(one: SnapshotName, reference: SnapshotName) -> tuple[str, str]:
    """Return the names of two sets; of two without a label, what is different about each."""
    if one.name != reference.name:
        return one.name, reference.name
    return one.detail or one.name, reference.detail or reference.name


def _difference(each: ComparisonRow) -> str:
    """Return by how much the first was better per trade, and what will probably be left of that."""
    said = []
    if each.difference is not None:
        said.append(f"Difference per trade: {words.gain(each.difference)}{_gains(each.interval)}.")
    # Few episodes are few clusters, and how far those are from each other says little of how sure one can be.
    told = all(side.record.standing != SAYS_NOTHING for side in (each.one, each.reference))
    if each.shrunken is not None and told:
        left = f"{words.gain(each.shrunken)}{_gains(each.shrunken_interval)}"
        said.append(f"Best guess of what will be left of it: {left}.")
    return " ".join(said)


def _gains(interval: Range | None) -> str:
    return f" ({words.gain(interval.low)} to {words.gain(interval.high)})" if interval else ""


def _phrases(phrases: Sequence[str], room: Room) -> str:
    shown = [words.plain(phrase, 120) for phrase in phrases[: room.phrases]]
    return "; ".join(filter(None, [*shown, _more(len(phrases) - room.phrases, "more change")]))


def _more(number: int, one: str, many: str | None = None) -> str:
    return f"and {words.plural(number, one, many)}" if number > 0 else ""
