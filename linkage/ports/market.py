"""Candles, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # most functions have no numpy in their zip
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Candles:
    """Closed bars of several symbols on one grid of time.

    Attributes:
        symbols: BASE-QUOTE, one per row, sorted.
        interval_seconds: length of a bar.
        times: start of each bar, epoch seconds, ascending without a gap; shape (bars,).
        opens, highs, lows, closes: in the quote currency; volumes: in the base currency. Shape
            (symbols, bars); NaN where the market has no bar.
        spreads: symbol to (ask - bid) / mid, as a fraction, where the market has it.
        refused: symbol to the reason why it has no row, e.g. ``duplicates``.
    """

    symbols: tuple[str, ...]
    interval_seconds: int
    times: NDArray[np.int64]
    opens: NDArray[np.float64]
    highs: NDArray[np.float64]
    lows: NDArray[np.float64]
    closes: NDArray[np.float64]
    volumes: NDArray[np.float64]
    spreads: Mapping[str, float] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


class MarketData(Protocol):
    """A source of candles."""

    def symbols(self) -> Sequence[str]:
        """Return every symbol that the market has, BASE-QUOTE, sorted."""
        ...

    def candles(
        self, symbols: Sequence[str], *, as_of: datetime, bars: int, interval_seconds: int
    ) -> Candles:
        """Return the last bars that were closed at ``as_of``, never a later one.

        Args:
            symbols: which; unknown ones are in ``refused``.
            as_of: aware UTC, a multiple of the interval; the last bar on the grid ends then.
            bars: length of the grid.
            interval_seconds: length of a bar.

        Raises:
            MarketUnavailableError: the market cannot be reached.
        """
        ...
