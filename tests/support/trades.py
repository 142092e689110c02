"""Trades that happened at real prices: one fill for each bar of the candle files beside the checkout."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from tests.support.events import fill, native_id, order, our_key

BARS_OF_AN_ORDER = (1, 1, 2, 1, 3)
"""Most orders are filled within a bar, some over several."""


def bars(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (symbol, bar) for the bars of all files, in turn."""
    files = [_bars_of(path) for path in sorted(folder.glob("*_5m.csv.gz"))]
    for together in zip_longest(*files):
        yield from (one for one in together if one is not None)


def trades(folder: Path, number: int) -> list[dict[str, Any]]:
    """Return a fill for each of so many bars, and an order event for each order, in the order of time.

    Four orders of five have a key of ours, whose number is the order's; every other ends with its last fill.
    """
    events: list[dict[str, Any]] = []
    at: dict[str, tuple[int, int, int]] = {}
    placed = 0
    for symbol, bar in islice(bars(folder), number):
        one, filled, size = at.get(symbol, (0, 0, 0))
        if filled == size:
            placed += 1
            one, filled, size = placed, 0, BARS_OF_AN_ORDER[placed % len(BARS_OF_AN_ORDER)]
        filled += 1
        at[symbol] = one, filled, size
        moment = bar["time"]
        told = {"symbol": symbol, "client_order_id": key_of(one, symbol)}
        events.append(
            fill(
                native_id(one), f"t{filled}", price=bar["close"], quantity=f"{float(bar['volume']) + 1:.4f}",
                executed_at=moment, **told,
            )
        )  # fmt: skip
        if filled == size and one % 2:
            events.append(order(native_id(one), "filled", created_at=moment, updated_at=moment, **told))
    return events


def key_of(number: int, symbol: str) -> str | None:
    """Return the key of an order; none for every fifth."""
    return our_key(number, symbol=symbol) if number % 5 else None


def _bars_of(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    symbol = path.name.partition("_")[0]
    with gzip.open(path, "rt") as lines:
        for bar in csv.DictReader(lines):
            yield symbol, bar
