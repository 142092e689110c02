"""What trades made: one definition of each metric, for every table, mail and export.

The unit is the *episode*: all entries and exits of one book from flat to flat, net of fees. Partial fills of
one position are not observations of their own. Amounts are in the episode's quote currency, and one call
never mixes currencies. Sums are exact; a quotient has 28 digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Literal

from linkage.domain.errors import InvalidInputError

_ZERO = Decimal(0)
# Products of two inputs have up to 96 digits; sums of millions of them must not lose the last one.
_DIGITS = 120


@dataclass(frozen=True, slots=True)
class Observation:
    """What one episode came to: a position from flat to flat.

    Attributes:
        episode_id: any text that is its own.
        opened_at, closed_at: first entry fill and last exit fill, aware UTC.
        net_pnl: profit or loss after fees, in ``currency``.
        entry_notional: quantity times price of all entries, in ``currency``.
        currency: quote currency, or the reporting currency if the amounts were converted.
        risk: what the first stop would have lost, in ``currency``; None where there was no stop.
        entry_bar: start of the bar the first entry was decided on; None if nobody reported it.
        propensity: chance with which its arm was drawn; None if its arm was not drawn.
        slippage: of its fills, as ``slippage`` gives it; None if there was no signal price.
        delay: from the signal to the first fill; None without a signal.
        fees_complete: whether every fee could be converted.
        mixed: entered and left under different parameter sets.
        labels: what to group by (``snapshot``, ``params_hash``, ``arm``, ``strategy``, ``bot``, ``trigger``,
            ``symbol``, ``exit_kind``, ``score``, ``mode`` …) to the text of the group.
    """

    episode_id: str
    opened_at: datetime
    closed_at: datetime
    net_pnl: Decimal
    entry_notional: Decimal
    currency: str
    risk: Decimal | None = None
    entry_bar: datetime | None = None
    propensity: Decimal | None = None
    slippage: Decimal | None = None
    delay: timedelta | None = None
    fees_complete: bool = True
    mixed: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def per_unit(self) -> Decimal | None:
        """Net P&L as a share of the entry notional; None if nothing was paid."""
        return ratio(self.net_pnl, self.entry_notional)


@dataclass(frozen=True, slots=True)
class OpenPosition:
    """What is still open of a book.

    Attributes:
        opened_at: first entry fill, aware UTC.
        pnl_at_mark: P&L if it were closed at the mark, net of the fees so far; None without a mark.
        entry_notional, currency, propensity, labels: as an episode's.
    """

    opened_at: datetime
    pnl_at_mark: Decimal | None
    entry_notional: Decimal
    currency: str
    propensity: Decimal | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall of the cumulative net P&L.

    Attributes:
        amount: from the peak to the lowest point after it; 0 if it never fell.
        share: the amount as a share of the equity at that peak; None if that equity was not above 0.
    """

    amount: Decimal
    share: Decimal | None


@dataclass(frozen=True, slots=True)
class OpenTotals:
    """What is open beside the closed episodes.

    Attributes:
        n: open positions. unmarked: those among them without a mark.
        pnl_at_mark: of those with a mark, in ``currency``.
        oldest_age: since the earliest first entry; None if nothing is open.
    """

    n: int
    unmarked: int
    pnl_at_mark: Decimal
    oldest_age: timedelta | None


@dataclass(frozen=True, slots=True)
class Performance:
    """Every metric of some closed episodes in one currency. None: there is nothing to divide by.

    Attributes:
        n: episodes. wins, losses, even: with a net P&L above, below and of exactly 0.
        profit_factor: None with ``wins`` above 0 reads "no losses"; it is never infinite.
        expectancy: mean net P&L of an episode. expectancy_per_unit: mean share of the entry notional.
        expectancy_r: mean multiple of the initial risk, over the ``n_r`` episodes that had a stop.
        sharpe: per episode, of the per-unit results; not annualised.
        slippage: mean share of the signal price over ``n_slippage`` episodes; positive is a cost.
        delay_seconds: mean from signal to fill over ``n_delay`` episodes.
        fees_incomplete: episodes with a fee that could not be converted; the amounts are then too good.
        mixed: episodes entered and left under different parameter sets.
    """

    n: int
    wins: int
    losses: int
    even: int
    currency: str
    net_pnl: Decimal
    gross_profit: Decimal
    gross_loss: Decimal
    win_rate: Decimal | None
    profit_factor: Decimal | None
    expectancy: Decimal | None
    expectancy_per_unit: Decimal | None
    expectancy_r: Decimal | None
    n_r: int
    drawdown: Drawdown
    sharpe: Decimal | None
    holding_mean: timedelta | None
    holding_median: timedelta | None
    slippage: Decimal | None
    n_slippage: int
    delay_seconds: Decimal | None
    n_delay: int
    fees_incomplete: int
    mixed: int


def measure(episodes: Sequence[Observation], *, capital: Decimal = _ZERO) -> Performance:
    """Return every metric of these episodes.

    Args:
        episodes: closed, in any order, all in one currency.
        capital: equity before the first of them, for the drawdown's share.

    Raises:
        InvalidInputError: the episodes are of several currencies.
    """
    currency = one_currency(episode.currency for episode in episodes)
    with localcontext(prec=_DIGITS):
        pnls = [episode.net_pnl for episode in episodes]
        units = [unit for episode in episodes if (unit := episode.per_unit) is not None]
        multiples = [
            episode.net_pnl / episode.risk
            for episode in episodes
            if episode.risk is not None and episode.risk > 0
        ]
        profit, loss = gross_profit(pnls), gross_loss(pnls)
        slips = [episode.slippage for episode in episodes if episode.slippage is not None]
        delays = [_seconds(episode.delay) for episode in episodes if episode.delay is not None]
        net = sum(pnls, _ZERO)
    holdings = [episode.closed_at - episode.opened_at for episode in episodes]
    wins, losses = sum(pnl > 0 for pnl in pnls), sum(pnl < 0 for pnl in pnls)
    return Performance(
        n=len(episodes),
        wins=wins,
        losses=losses,
        even=len(episodes) - wins - losses,
        currency=currency,
        net_pnl=net,
        gross_profit=profit,
        gross_loss=loss,
        win_rate=win_rate(wins, losses),
        profit_factor=ratio(profit, loss),
        expectancy=mean(pnls),
        expectancy_per_unit=mean(units),
        expectancy_r=mean(multiples),
        n_r=len(multiples),
        drawdown=max_drawdown(episodes, capital=capital),
        sharpe=sharpe(units),
        holding_mean=sum(holdings, timedelta(0)) / len(holdings) if holdings else None,
        holding_median=_median(holdings),
        slippage=mean(slips),
        n_slippage=len(slips),
        delay_seconds=mean(delays),
        n_delay=len(delays),
        fees_incomplete=sum(not episode.fees_complete for episode in episodes),
        mixed=sum(episode.mixed for episode in episodes),
    )


def win_rate(wins: int, losses: int) -> Decimal | None:
    """Return wins ÷ (wins + losses); break-even episodes are neither. None of none."""
    return ratio(Decimal(wins), Decimal(wins + losses))


def gross_profit(pnls: Iterable[Decimal]) -> Decimal:
    """Return the sum of all that is above 0."""
    with localcontext(prec=_DIGITS):
        return sum((pnl for pnl in pnls if pnl > 0), _ZERO)


def gross_loss(pnls: Iterable[Decimal]) -> Decimal:
    """Return the sum of all that is below 0, as a positive amount."""
    with localcontext(prec=_DIGITS):
        return -sum((pnl for pnl in pnls if pnl < 0), _ZERO)


def ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    """Return part ÷ whole; None if there is no whole. Profit factor = gross profit ÷ gross loss."""
    return None if whole == 0 else part / whole


def mean(values: Sequence[Decimal]) -> Decimal | None:
    """Return the arithmetic mean; None of none. Of P&L it is the expectancy."""
    if not values:
        return None
    with localcontext(prec=_DIGITS):
        result = sum(values, _ZERO) / len(values)
    return +result


def sharpe(values: Sequence[Decimal]) -> Decimal | None:
    """Return mean ÷ standard deviation (n − 1 below) of per-unit results, per episode, not annualised.

    None for fewer than two values, or if they are all the same. Source: W. F. Sharpe, The Sharpe Ratio,
    Journal of Portfolio Management 21 (1994), with a riskless rate of 0 over an episode.
    """
    if len(values) < 2 or all(value == values[0] for value in values):
        return None
    with localcontext(prec=_DIGITS):
        centre = sum(values, _ZERO) / len(values)
        variance = sum(((value - centre) ** 2 for value in values), _ZERO) / (len(values) - 1)
        result = centre / variance.sqrt()
    return +result


def max_drawdown(episodes: Iterable[Observation], *, capital: Decimal = _ZERO) -> Drawdown:
    """Return the deepest fall of capital + cumulative net P&L, in the order of closing.

    Episodes that closed at one moment count together. The share is of the equity at that fall's peak; of
    two falls of one amount, the one with the greater share counts.
    """
    steps: dict[datetime, Decimal] = {}
    with localcontext(prec=_DIGITS):
        for episode in episodes:
            steps[episode.closed_at] = steps.get(episode.closed_at, _ZERO) + episode.net_pnl
        equity = peak = capital
        amount, deepest_peak = _ZERO, None
        for _, step in sorted(steps.items()):
            equity += step
            peak = max(peak, equity)
            fall = peak - equity
            if fall > amount or (deepest_peak is not None and fall == amount and peak < deepest_peak):
                amount, deepest_peak = fall, peak
    if deepest_peak is None:
        return Drawdown(_ZERO, _ZERO if peak > 0 else None)
    return Drawdown(amount, amount / deepest_peak if deepest_peak > 0 else None)


def slippage(side: Literal["buy", "sell"], *, signal_price: Decimal, fill_price: Decimal) -> Decimal:
    """Return the fill against the signal's price, as a share of it; positive is a cost on either side."""
    difference = fill_price - signal_price if side == "buy" else signal_price - fill_price
    return difference / signal_price


def open_totals(positions: Sequence[OpenPosition], *, at: datetime) -> OpenTotals:
    """Return what is open at a moment (aware UTC), all in one currency.

    Raises:
        InvalidInputError: the positions are of several currencies.
    """
    one_currency(position.currency for position in positions)
    marked = [position.pnl_at_mark for position in positions if position.pnl_at_mark is not None]
    with localcontext(prec=_DIGITS):
        total = sum(marked, _ZERO)
    return OpenTotals(
        n=len(positions),
        unmarked=len(positions) - len(marked),
        pnl_at_mark=total,
        oldest_age=max((at - position.opened_at for position in positions), default=None),
    )


def one_currency(currencies: Iterable[str]) -> str:
    """Return the only currency there is, or an empty text of none.

    Raises:
        InvalidInputError: there are several.
    """
    distinct = sorted(set(currencies))
    if len(distinct) > 1:
        raise InvalidInputError(f"amounts in {' and '.join(distinct)} do not add up", "currency")
    return distinct[0] if distinct else ""


def _median(lengths: Sequence[timedelta]) -> timedelta | None:
    if not lengths:
        return None
    ordered, middle = sorted(lengths), len(lengths) // 2
    return ordered[middle] if len(lengths) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _seconds(length: timedelta) -> Decimal:
    return Decimal(length // timedelta(microseconds=1)) / 1_000_000
