"""A seeded market that never ends: eight correlated symbols, regimes, jumps, now and then a missing bar.

It is a function of seed, symbol and time alone. Every day's path is a random bridge between two anchor
prices, which are functions of the day, so any bar can be computed without those before it.
"""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linkage.adapters.markets.candle_files import COLUMNS, SUFFIXES
from linkage.domain.canonical import iso_utc
from linkage.domain.errors import MarketUnavailableError
from linkage.ports.market import Candles
from linkage.runtime.dependencies import memoised

DAY = 86_400
BASES = {
    "ADA-USD": (0.62, 0.0021, 900_000.0),
    "AVAX-USD": (27.0, 0.0023, 21_000.0),
    "BTC-USD": (64_000.0, 0.0012, 90.0),
    "DOGE-USD": (0.17, 0.0026, 5_000_000.0),
    "ETH-USD": (3_200.0, 0.0015, 1_100.0),
    "LINK-USD": (15.5, 0.0020, 40_000.0),
    "SOL-USD": (165.0, 0.0020, 12_000.0),
    "XRP-USD": (0.58, 0.0018, 2_500_000.0),
}
"""Symbol to usual price, deviation of a five-minute return, and base volume of a bar."""

REGIME_SECONDS = 4 * 3600
CORRELATION = 0.6
JUMP_CHANCE = 0.003
GAP_CHANCE = 0.0003


class SimulatedMarket:
    """The simulated market of one seed.

    Args:
        seed: not negative.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def symbols(self) -> Sequence[str]:
        """Return every symbol, sorted."""
        return sorted(BASES)

    def candles(
        self, symbols: Sequence[str], *, as_of: datetime, bars: int, interval_seconds: int
    ) -> Candles:
        """Return the last bars that were closed at ``as_of``; see ``ports.market.MarketData``.

        Another interval is another market: bars are not made of shorter bars.
        """
        if interval_seconds not in SUFFIXES:
            raise MarketUnavailableError(f"the simulation has no bars of {interval_seconds} seconds")
        wanted = sorted(set(symbols))
        known = [symbol for symbol in wanted if symbol in BASES]
        rows = [sorted(BASES).index(symbol) for symbol in known]
        end = int(as_of.timestamp()) // interval_seconds * interval_seconds
        starts = end - interval_seconds * np.arange(bars, 0, -1, dtype=np.int64)
        days = range(int(starts[0]) // DAY, int(starts[-1]) // DAY + 1)
        block = np.concatenate([simulate_day(self._seed, day, interval_seconds) for day in days], axis=2)
        first = (int(starts[0]) - days[0] * DAY) // interval_seconds
        opens, highs, lows, closes, volumes = block[:, rows, first : first + bars]
        return Candles(
            symbols=tuple(known), interval_seconds=interval_seconds, times=starts,
            opens=opens, highs=highs, lows=lows, closes=closes, volumes=volumes,
            spreads={symbol: BASES[symbol][1] / 4 for symbol in known},
            refused={symbol: "unknown_symbol" for symbol in wanted if symbol not in BASES},
        )  # fmt: skip

    def write_files(self, folder: Path, *, end: datetime, bars: int, interval_seconds: int = 300) -> None:
        """Write the last bars that were closed at ``end`` as files that ``FileMarket`` reads."""
        folder.mkdir(parents=True, exist_ok=True)
        candles = self.candles(self.symbols(), as_of=end, bars=bars, interval_seconds=interval_seconds)
        values = (candles.opens, candles.highs, candles.lows, candles.closes, candles.volumes)
        for row, symbol in enumerate(candles.symbols):
            path = folder / f"{symbol}_{SUFFIXES[interval_seconds]}.csv.gz"
            with gzip.open(path, "wt", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(COLUMNS)
                for column, start in enumerate(candles.times):
                    numbers = [float(series[row, column]) for series in values]
                    if not math.isnan(numbers[3]):
                        moment = iso_utc(datetime.fromtimestamp(int(start), UTC))
                        writer.writerow([moment, *(f"{number:.10g}" for number in numbers)])


@memoised(limit=64)
def simulate_day(seed: int, day: int, interval_seconds: int) -> NDArray[np.float64]:
    """Return one day's bars, shape (5, symbols, bars): open, high, low, close, volume; NaN is a missing bar.

    Args:
        day: days since 1970-01-01, UTC.
    """
    random = np.random.default_rng([seed, day, interval_seconds])
    symbols = len(BASES)
    bars = DAY // interval_seconds
    names = sorted(BASES)
    scale = math.sqrt(interval_seconds / 300)
    deviations = np.array([[BASES[name][1] * scale] for name in names])

    regimes = DAY // REGIME_SECONDS
    which = np.minimum(np.arange(bars) * regimes // bars, regimes - 1)
    activity = random.choice([0.5, 1.0, 1.0, 2.2], size=regimes)[which]
    drift = (random.normal(0.0, 0.12, size=(symbols, regimes)) + random.normal(0.0, 0.15, size=regimes))[
        :, which
    ]
    common = random.standard_normal(bars)
    own = random.standard_normal((symbols, bars))
    shocks = CORRELATION * common + math.sqrt(1 - CORRELATION**2) * own
    jumps = (random.random((symbols, bars)) < JUMP_CHANCE) * random.normal(0.0, 9.0, size=(symbols, bars))
    steps = deviations * (activity * shocks + drift + jumps)

    path = np.cumsum(steps, axis=1)
    before = np.array([[_anchor(seed, day, name)] for name in names])
    after = np.array([[_anchor(seed, day + 1, name)] for name in names])
    progress = np.arange(1, bars + 1) / bars
    path += before + (after - before - path[:, -1:]) * progress
    closes = np.exp(path)
    opens = np.concatenate([np.exp(before), closes[:, :-1]], axis=1)
    wicks = np.abs(random.standard_normal((2, symbols, bars))) * deviations * activity * 0.5
    highs = np.maximum(opens, closes) * (1 + wicks[0])
    lows = np.minimum(opens, closes) / (1 + wicks[1])
    usual = np.array([[BASES[name][2] * interval_seconds / 300] for name in names])
    volumes = usual * np.exp(random.normal(0.0, 0.5, size=(symbols, bars))) * (1 + np.abs(steps) / deviations)

    block = np.stack([opens, highs, lows, closes, volumes])
    for row, name in enumerate(names):
        # Five significant digits, so that the last bit of an exponential does not matter.
        digits = 4 - math.floor(math.log10(BASES[name][0]))
        block[:4, row] = np.round(block[:4, row], digits)
    block[4] = np.round(block[4], 3)
    block[:, random.random((symbols, bars)) < GAP_CHANCE] = np.nan
    block.flags.writeable = False
    return block


def _anchor(seed: int, day: int, symbol: str) -> float:
    """Return the logarithm of a symbol's price at the start of a day: two slow waves and some noise."""
    number = sorted(BASES).index(symbol)
    phases = np.random.default_rng([seed, number]).uniform(0, 2 * math.pi, size=2)
    noise = float(np.random.default_rng([seed, number, day]).uniform(-0.03, 0.03))
    waves = 0.25 * math.sin(2 * math.pi * day / 90 + phases[0]) + 0.06 * math.sin(
        2 * math.pi * day / 13 + phases[1]
    )
    return math.log(BASES[symbol][0]) + waves + noise
