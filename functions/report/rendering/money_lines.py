"""What the trades of one currency made, one figure a line."""

from __future__ import annotations

from datetime import tzinfo

from functions.report.rendering import formatting
from functions.report.rendering.figures import Line, filled
from linkage.contracts.performance import Money


def totals(money: Money) -> str:
    """Return what a currency came to in one line: ``+41.20 USD closed · −3.15 USD open (2 lots)``."""
    closed = f"{formatting.signed(money.total.net_pnl, money.currency)} closed" if money.total.n else ""
    lots = formatting.plural(money.open_lots, "lot")
    still_open = f"{_at_mark(money)} open ({lots})" if _has_mark(money) else f"{lots} open"
    return " · ".join(filled([closed, still_open if money.open_lots else ""]))


def money_lines(money: Money, zone: tzinfo) -> list[Line]:
    """Return the results of a currency: closed and open always, the rest where there is any."""
    lines = [
        _closed(money),
        _open(money, zone),
        _realised_of_open(money),
        _drawdown(money),
        _unmatched_exits(money, zone),
        _fees_incomplete(money),
        _unpriced(money),
        _late(money),
        _dust(money),
        _residue(money),
    ]
    return [line for line in lines if line is not None]


def _closed(money: Money) -> Line:
    total = money.total
    note = "no episode closed"
    if total.n:
        even = f", {formatting.count(total.even)} even" if total.even else ""
        note = (
            f"{formatting.plural(total.n, 'episode')}: {formatting.count(total.wins)} won, "
            f"{formatting.count(total.losses)} lost{even}; net of fees"
        )
    return Line("Closed", formatting.signed(total.net_pnl, money.currency), note, total.net_pnl < 0)


def _open(money: Money, zone: tzinfo) -> Line:
    part = money.total.open
    if not money.open_lots:
        return Line("Open", "0", "nothing is open")
    notes = [formatting.plural(money.open_lots, "lot")]
    if money.oldest:
        oldest = money.oldest[0]
        symbol = formatting.plain(oldest.symbol, 24)
        notes.append(f"the oldest {symbol} since {formatting.day_and_time(oldest.opened_at, zone)}")
    if part.unmarked:
        notes.append(f"{formatting.count(part.unmarked)} without a price, not counted")
    loss = _has_mark(money) and part.pnl_at_mark < 0
    return Line("Open, marked to market", _at_mark(money), ", ".join(notes), loss)


def _has_mark(money: Money) -> bool:
    return money.total.open.unmarked < money.total.open.n


def _at_mark(money: Money) -> str:
    if not _has_mark(money):
        return formatting.NOTHING
    return formatting.signed(money.total.open.pnl_at_mark, money.currency)


def _realised_of_open(money: Money) -> Line | None:
    if not (money.realised_open_pnl or money.realised_open_pnl_in_period):
        return None
    return Line(
        "Realised P&L of open positions",
        formatting.signed(money.realised_open_pnl, money.currency),
        "their closed parts, until they close in full; "
        f"{formatting.signed(money.realised_open_pnl_in_period)} of it in this period",
        money.realised_open_pnl < 0,
    )


def _drawdown(money: Money) -> Line | None:
    if not (money.total.n and money.drawdown.amount):
        return None
    share = money.drawdown.share
    return Line(
        "Drawdown",
        f"{formatting.money(money.drawdown.amount)} {formatting.plain(money.currency, 12)}",
        "largest of the period"
        if share is None
        else f"{formatting.percent(share)} of the period's highest profit",
    )


def _unmatched_exits(money: Money, zone: tzinfo) -> Line | None:
    if not money.unmatched_exits:
        return None
    last = ""
    if money.unmatched:
        row = money.unmatched[0]
        last = (
            f"; last: {row.side} {formatting.plain(row.symbol, 24)} for {formatting.money(row.value)} "
            f"{formatting.plain(money.currency, 12)} on {formatting.day_and_time(row.executed_at, zone)}"
        )
    return Line(
        "Unmatched exits",
        formatting.count(money.unmatched_exits),
        f"their entries are not known, so they are in no result{last}",
        loss=True,
    )


def _fees_incomplete(money: Money) -> Line | None:
    if not money.fees_incomplete:
        return None
    lots = formatting.plural(money.fees_incomplete, "lot")
    note = f"{lots} with a fee for which no rate is known: the true result is lower"
    return Line("Fees incomplete", formatting.count(money.fees_incomplete), note, loss=True)


def _unpriced(money: Money) -> Line | None:
    if not money.unpriced:
        return None
    note = "closed episodes that are in no result"
    return Line("Without a price", formatting.count(money.unpriced), note)


def _late(money: Money) -> Line | None:
    if not money.late_lots:
        return None
    note = f"{formatting.plural(money.late_lots, 'lot')} of earlier periods, in no sum of this one"
    amount = formatting.signed(money.late_pnl, money.currency)
    return Line("Late-arriving fills", amount, note, money.late_pnl < 0)


def _dust(money: Money) -> Line | None:
    if not money.dust_lots:
        return None
    note = f"{formatting.plural(money.dust_lots, 'remainder')} too small to trade, counted in closed"
    return Line("Dust", formatting.signed(money.dust_pnl, money.currency), note)


def _residue(money: Money) -> Line | None:
    if not money.residue_pnl:
        return None
    amount = formatting.signed(money.residue_pnl, money.currency)
    return Line("Without a quantity", amount, "money outside of any episode")
