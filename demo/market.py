"""Prepares the market that is replayed: a folder of candle files whose last bar has just closed.

Whatever the source is, the functions read the same kind of folder, so a replay of files, of an exchange
and of the simulation take one path.
"""

from __future__ import annotations

import csv
import gzip
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from linkage.domain.canonical import iso_utc, parse_utc
from linkage.domain.errors import InvalidInputError

BAR = timedelta(minutes=5)
WARM_UP_BARS = 320
"""Bars before the first replayed one. The strategy looks at 300; files have gaps."""

HEADER = ("time", "open", "high", "low", "close", "volume")
_FILE_NAME = re.compile(r"([A-Z0-9]+-[A-Z0-9]+)_5m\.csv\.gz")


@dataclass(frozen=True, slots=True)
class Candle:
    """One 5-minute bar. Prices in the quote currency and volume in the base currency, as written in the file.

    ``time`` is the bar's start, aware UTC.
    """

    time: datetime
    open: str
    high: str
    low: str
    close: str
    volume: str


Candles = Mapping[str, Sequence[Candle]]
"""Bars by symbol (BASE-QUOTE), oldest first."""


@dataclass(frozen=True, slots=True)
class PreparedMarket:
    """A market that ends now.

    Attributes:
        folder: of ``BASE-QUOTE_5m.csv.gz`` files.
        source: what it is, for people.
        candles: those of the files, by symbol.
        runs: when each replayed run is due, which is when its bar has closed; aware UTC.
        closes: closing price by symbol and bar start.
    """

    folder: Path
    source: str
    candles: Candles
    runs: Sequence[datetime]
    closes: Mapping[str, Mapping[datetime, Decimal]] = field(repr=False)

    @property
    def symbols(self) -> list[str]:
        """The symbols, in alphabetical order."""
        return sorted(self.candles)

    def price(self, symbol: str, run: datetime) -> Decimal | None:
        """Return the last close that a run at this time knows; None before the first bar."""
        closes = self.closes[symbol]
        moment = run - BAR
        for _ in range(WARM_UP_BARS):
            if moment in closes:
                return closes[moment]
            moment -= BAR
        return None


def last_closed_bar(now: datetime) -> datetime:
    """Return the start of the last 5-minute bar that has closed before now."""
    seconds = int(BAR.total_seconds())
    start_of_current = int(now.timestamp()) // seconds * seconds
    return datetime.fromtimestamp(start_of_current, UTC) - BAR


def read_candles(folder: Path) -> dict[str, list[Candle]]:
    """Read a folder of ``BASE-QUOTE_5m.csv.gz`` files.

    Raises:
        InvalidInputError: no such file there, or one that is not what its name says.
    """
    if not folder.is_dir():
        raise InvalidInputError(f"{folder} is not a folder of candle files", field="candles")
    paths = {
        match.group(1): path
        for path in sorted(folder.iterdir())
        if (match := _FILE_NAME.fullmatch(path.name))
    }
    if not paths:
        raise InvalidInputError(f"{folder} has no file named BASE-QUOTE_5m.csv.gz", field="candles")
    return {symbol: _read_file(path) for symbol, path in paths.items()}


def shifted(candles: Candles, *, last: datetime) -> dict[str, list[Candle]]:
    """Move all bars by one and the same time, so that the newest starts at ``last``.

    Bars that are missing stay missing, and bars of one moment stay bars of one moment.
    """
    newest = max(bars[-1].time for bars in candles.values() if bars)
    move = last - newest
    return {symbol: [replace(bar, time=bar.time + move) for bar in bars] for symbol, bars in candles.items()}


def prepare(candles: Candles, folder: Path, *, source: str, now: datetime, bars: int) -> PreparedMarket:
    """Write the part of a market that a replay needs, shifted to end now.

    Args:
        candles: the whole market, as it was.
        folder: where to; what was there before goes.
        source: what it is, for people.
        now: aware UTC.
        bars: how many bars are replayed; what the strategy looks back at comes on top.

    Raises:
        InvalidInputError: the market is shorter than that.
    """
    last = last_closed_bar(now)
    moved = shifted(candles, last=last)
    first = last - BAR * (bars + WARM_UP_BARS - 1)
    earliest = min(series[0].time for series in moved.values() if series)
    if earliest > first:
        have = int((last - earliest) / BAR) + 1
        raise InvalidInputError(
            f"the market has {have} bars; {bars} to replay and {WARM_UP_BARS} before them are needed",
            field="bars",
        )
    used = {symbol: [bar for bar in series if bar.time >= first] for symbol, series in moved.items()}
    used = {symbol: series for symbol, series in used.items() if len(series) > bars}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for symbol, series in used.items():
        write_file(folder / f"{symbol}_5m.csv.gz", series)
    return PreparedMarket(
        folder=folder,
        source=source,
        candles=used,
        runs=[last + BAR - BAR * back for back in reversed(range(bars))],
        closes={symbol: {bar.time: Decimal(bar.close) for bar in series} for symbol, series in used.items()},
    )


def write_file(path: Path, bars: Iterable[Candle]) -> None:
    """Write one candle file."""
    with gzip.open(path, "wt", encoding="ascii", newline="", compresslevel=1) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADER)
        for bar in bars:
            writer.writerow((iso_utc(bar.time), bar.open, bar.high, bar.low, bar.close, bar.volume))


def _read_file(path: Path) -> list[Candle]:
    with gzip.open(path, "rt", encoding="ascii", newline="") as stream:
        rows = csv.reader(stream)
        try:
            header = next(rows, None)
            if header is None or tuple(header) != HEADER:
                raise InvalidInputError(f"{path} does not begin with {','.join(HEADER)}", field="candles")
            bars = [Candle(parse_utc(moment), *values) for moment, *values in rows]
        except (ValueError, TypeError, OSError) as error:
            raise InvalidInputError(f"{path} is not a candle file: {error}", field="candles") from None
    return sorted(bars, key=lambda bar: bar.time)
