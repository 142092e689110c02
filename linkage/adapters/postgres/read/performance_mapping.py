"""Results of ``linkage.inference`` as the report's wire models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING

from linkage.contracts.performance import (
    INSUFFICIENT_DATA,
    MAX_CURVE_POINTS,
    By,
    CurvePoint,
    FoldedRow,
    MaxDrawdown,
    OpenPart,
    PerformanceRow,
    PerformanceTable,
    Range,
)
from linkage.domain.performance import Drawdown

if TYPE_CHECKING:
    from linkage.inference import summary
    from linkage.inference.rules import Interval

_ZERO = Decimal(0)
_FLOAT_DIGITS = 9

Point = tuple[datetime, Decimal]


def performance_row(
    row: summary.PerformanceRow | None, *, currency: str, name: str | None = None
) -> PerformanceRow:
    """Return one row; without any, that of no episodes at all."""
    if row is None:
        return PerformanceRow(
            currency=currency, n=0, n_eff=_ZERO, standing=INSUFFICIENT_DATA, more_needed=0, wins=0,
            losses=0, even=0, net_pnl=_ZERO, gross_profit=_ZERO, gross_loss=_ZERO,
            drawdown=MaxDrawdown(amount=_ZERO, share=None), open=OpenPart(pnl_at_mark=_ZERO),
        )  # fmt: skip
    figures = row.performance
    return PerformanceRow(
        group=" ".join(row.group),
        name=name,
        currency=currency,
        n=figures.n,
        n_eff=number(row.n_eff) or _ZERO,
        standing=row.standing,
        more_needed=row.more_needed,
        wins=figures.wins,
        losses=figures.losses,
        even=figures.even,
        net_pnl=figures.net_pnl,
        gross_profit=figures.gross_profit,
        gross_loss=figures.gross_loss,
        win_rate=figures.win_rate,
        win_rate_interval=interval(row.win_rate),
        profit_factor=figures.profit_factor,
        expectancy=figures.expectancy,
        expectancy_interval=interval(row.expectancy),
        unit_return=figures.expectancy_per_unit,
        unit_return_interval=interval(row.per_unit),
        r_multiple=figures.expectancy_r,
        n_r=figures.n_r,
        drawdown=fall(figures.drawdown),
        sharpe=figures.sharpe,
        sharpe_above_zero=number(row.sharpe_above_zero),
        holding_mean_seconds=seconds(figures.holding_mean),
        holding_median_seconds=seconds(figures.holding_median),
        slippage=figures.slippage,
        n_slippage=figures.n_slippage,
        delay_seconds=figures.delay_seconds,
        n_delay=figures.n_delay,
        fees_incomplete=figures.fees_incomplete,
        mixed=figures.mixed,
        open=OpenPart(
            n=row.open.n,
            unmarked=row.open.unmarked,
            pnl_at_mark=row.open.pnl_at_mark,
            oldest_seconds=seconds(row.open.oldest_age),
        ),
    )


def performance_table(
    by: By,
    rows: Sequence[summary.PerformanceRow],
    folded: Sequence[summary.FoldedRows],
    *,
    names: Mapping[str, str | None],
    limit: int,
) -> PerformanceTable:
    """Return a table of one mode.

    Args:
        rows: all of them. folded: those that say nothing, as one line for each currency.
        names: what people call a group.
        limit: how many rows are in it at most.
    """
    return PerformanceTable(
        by=by,
        rows=[
            performance_row(row, currency=row.currency, name=names.get(" ".join(row.group)))
            for row in rows[:limit]
        ],
        folded=[
            FoldedRow(
                currency=row.currency,
                rows=row.rows,
                n=row.n,
                net_pnl=row.net_pnl,
                n_open=row.n_open,
                open_pnl=row.open_pnl,
            )
            for row in folded
        ],
        rows_total=len(rows),
    )


def curve_points(points: Sequence[Point], *, start: datetime) -> list[CurvePoint]:
    """Return a curve that begins with 0, of at most ``MAX_CURVE_POINTS``.

    Of each stretch the lowest and the highest point stay, so that peaks and falls are what they were; and
    the last point stays.
    """
    if not points:
        return []
    kept = points if len(points) < MAX_CURVE_POINTS else _thinned(points, (MAX_CURVE_POINTS - 2) // 2)
    return [CurvePoint(at=start, net_pnl=_ZERO), *(CurvePoint(at=at, net_pnl=sum_) for at, sum_ in kept)]


def _thinned(points: Sequence[Point], stretches: int) -> list[Point]:
    chosen = {len(points) - 1}
    for stretch in range(stretches):
        places = range(len(points) * stretch // stretches, len(points) * (stretch + 1) // stretches)
        chosen.add(min(places, key=lambda place: points[place][1]))
        chosen.add(max(places, key=lambda place: points[place][1]))
    return [points[place] for place in sorted(chosen)]


def fall(drawdown: Drawdown) -> MaxDrawdown:
    """Return a drawdown."""
    return MaxDrawdown(amount=drawdown.amount, share=drawdown.share)


def interval(limits: Interval | None) -> Range | None:
    """Return an interval; None if it has no ends."""
    if limits is None or not (isfinite(limits.low) and isfinite(limits.high)):
        return None
    return Range(low=_rounded(limits.low), high=_rounded(limits.high))


def number(value: float | None) -> Decimal | None:
    """Return a computed number to nine digits, which is more than it is worth; None if it is not finite."""
    return None if value is None or not isfinite(value) else _rounded(value)


def seconds(length: timedelta | None) -> Decimal | None:
    """Return a length of time in seconds."""
    return None if length is None else Decimal(length // timedelta(microseconds=1)) / 1_000_000


def _rounded(value: float) -> Decimal:
    return Decimal(f"{value:.{_FLOAT_DIGITS}g}")
