"""The three rates of a window, with their counts.

A window is a range of ``trade_records.order_time``; its cost follows the window.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import LiteralString

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.read.rows import Row, bounds, fetch_rows
from linkage.contracts.report import ModeRates, Period, Rate, RatesDocument
from linkage.domain.facts import Window

MODES = ("live", "paper", "unknown")

ORDER_RATES: LiteralString = "SELECT * FROM linkage_rates(%(start)s, %(end)s)"
"""Orders by mode and disposition, from what the recorder counted in advance and from the rest itself."""
SIGNAL_RATES: LiteralString = "SELECT * FROM signal_rates(%(start)s, %(end)s)"
_READ_AT: LiteralString = "SELECT clock_timestamp() AS read_at"


def rates(connection: Connection, window: Window) -> RatesDocument:
    """Return the three rates of a window with their counts."""
    (now,) = fetch_rows(connection, _READ_AT, {})
    return RatesDocument(
        period=period(window),
        read_at=now["read_at"],
        modes=rates_by_mode(
            fetch_rows(connection, ORDER_RATES, bounds(window)),
            fetch_rows(connection, SIGNAL_RATES, bounds(window)),
        ),
    )


def rates_by_mode(
    counts: Sequence[Row], signals: Sequence[Row], others: Iterable[str] = ()
) -> list[ModeRates]:
    """Return the rates of each mode that did something; modes are never summed, tests never counted.

    Args:
        counts: orders by mode and disposition. signals: by mode.
        others: modes that did something else.
    """
    orders: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    with_link: dict[str, int] = defaultdict(int)
    for row in counts:
        orders[row["mode"]][row["disposition"]] += row["orders"]
        with_link[row["mode"]] += row["with_link"]
    signals_of = {row["mode"]: row for row in signals}
    return [
        _mode_rates(mode, orders[mode], with_link[mode], signals_of.get(mode))
        for mode in MODES
        if mode in {*orders, *signals_of, *others}
    ]


def _mode_rates(mode: str, orders: dict[str, int], with_link: int, signals: Row | None) -> ModeRates:
    linked, lost, conflict = (orders[name] for name in ("linked", "lost", "conflict"))
    sent, with_order, suppressed = (
        (0, 0, 0) if signals is None else (signals["sent"], signals["with_order"], signals["suppressed"])
    )
    return ModeRates(
        mode=mode,
        expected=Rate(part=linked, whole=linked + lost + conflict),
        executed=Rate(part=with_link, whole=sum(orders.values())),
        signals=Rate(part=with_order, whole=sent),
        pending=orders["pending"],
        lost=lost,
        conflict=conflict,
        signals_suppressed=suppressed,
    )


def period(window: Window) -> Period:
    """Return a window as the wire has it."""
    return Period(start=window.start, end=window.end)
