"""Candles from a folder of files: ``BASE-QUOTE_5m.csv``, ``BASE-QUOTE_5m.csv.gz``, ``BASE-QUOTE_5m.parquet``.

Columns: time (start of the bar, ISO 8601 with a zone; in Parquet a timestamp with one), open, high, low,
close, volume (base currency). Parquet is read by polars, which is in no zip: it is for backtests.
A file is read once per version, by its time of change and size, and kept as arrays in the process.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linkage.domain.errors import ConfigurationError, MarketUnavailableError
from linkage.ports import Candles

SUFFIXES = {60: "1m", 300: "5m", 900: "15m", 1800: "30m", 3600: "1h", 14400: "4h", 86400: "1d"}
COLUMNS = ("time", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """All bars of one symbol, as they are in its file; ``values`` has shape (5, bars), open to volume."""

    times: NDArray[np.int64]
    values: NDArray[np.float64]
    problem: str | None = None


class FileMarket:
    """A market whose candles are files.

    Args:
        folder: where the files are.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def symbols(self) -> Sequence[str]:
        """Return every symbol that has a file of any interval, sorted."""
        if not self._folder.is_dir():
            raise MarketUnavailableError(f"there is no candle folder {self._folder.name!r}")
        files = (*self._folder.glob("*_*.csv*"), *self._folder.glob("*_*.parquet"))
        names = {path.name.partition("_")[0] for path in files}
        return sorted(names)

    def candles(
        self, symbols: Sequence[str], *, as_of: datetime, bars: int, interval_seconds: int
    ) -> Candles:
        """Return the last bars that were closed at ``as_of``; see ``ports.MarketData``."""
        series: dict[str, Series] = {}
        refused: dict[str, str] = {}
        for symbol in sorted(set(symbols)):
            path = self._path(symbol, interval_seconds)
            if path is None:
                refused[symbol] = "unknown_symbol"
                continue
            status = path.stat()
            series[symbol] = read_series(path, status.st_mtime_ns, status.st_size)
        return on_grid(series, refused, as_of=as_of, bars=bars, interval_seconds=interval_seconds)

    def last_close(self, interval_seconds: int = 300) -> datetime:
        """Return the end of the latest bar of any symbol, aware UTC.

        Raises:
            MarketUnavailableError: there are no bars.
        """
        return _moment(max(times[-1] for times in self._all_times(interval_seconds)) + interval_seconds)

    def first_open(self, interval_seconds: int = 300) -> datetime:
        """Return the start of the earliest bar of any symbol, aware UTC.

        Raises:
            MarketUnavailableError: there are no bars.
        """
        return _moment(min(times[0] for times in self._all_times(interval_seconds)))

    def _all_times(self, interval_seconds: int) -> list[NDArray[np.int64]]:
        paths = [path for name in self.symbols() if (path := self._path(name, interval_seconds)) is not None]
        statuses = [(path, path.stat()) for path in paths]
        every = [read_series(path, status.st_mtime_ns, status.st_size).times for path, status in statuses]
        filled = [times for times in every if len(times)]
        if not filled:
            raise MarketUnavailableError(f"there are no candles in {self._folder.name!r}")
        return filled

    def _path(self, symbol: str, interval_seconds: int) -> Path | None:
        name = f"{symbol}_{SUFFIXES.get(interval_seconds, f'{interval_seconds}s')}"
        candidates = (self._folder / f"{name}.{ending}" for ending in ("csv.gz", "csv", "parquet"))
        return next((path for path in candidates if path.is_file()), None)


@lru_cache(maxsize=1024)
def read_series(path: Path, changed_ns: int, size: int) -> Series:  # noqa: ARG001 - part of the cache's key
    """Return a file's bars. A file that cannot be understood is a series with a problem.

    Raises:
        ConfigurationError: it is a Parquet file, and there is no polars here.
    """
    return _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)


def _read_parquet(path: Path) -> Series:
    try:
        import polars
    except ImportError:
        raise ConfigurationError("Parquet files need polars, which is not installed", "market") from None
    try:
        frame = polars.read_parquet(path)
    except (polars.exceptions.PolarsError, OSError):
        return broken("unreadable_row")
    if [name.lower() for name in frame.columns[: len(COLUMNS)]] != list(COLUMNS):
        return broken("unknown_columns")
    kind = frame.dtypes[0]
    if not isinstance(kind, polars.Datetime) or kind.time_zone is None or frame.to_series(0).has_nulls():
        return broken("unreadable_row")
    if not all(each.is_numeric() for each in frame.dtypes[1 : len(COLUMNS)]):
        return broken("unreadable_row")
    times = frame.to_series(0).dt.epoch("s").to_numpy().astype(np.int64)
    columns = [frame.to_series(place).cast(polars.Float64) for place in range(1, len(COLUMNS))]
    return _series(times, np.array([each.fill_null(np.nan).to_numpy() for each in columns]))


def _read_csv(path: Path) -> Series:
    times: list[int] = []
    rows: list[tuple[float, ...]] = []
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
        reader = csv.reader(file)
        header = [name.strip().lower() for name in next(reader, [])]
        if header[: len(COLUMNS)] != list(COLUMNS):
            return broken("unknown_columns")
        for row in reader:
            try:
                moment = datetime.fromisoformat(row[0])
                rows.append(tuple(float(value) if value else np.nan for value in row[1:6]))
            except (ValueError, IndexError):
                return broken("unreadable_row")
            if moment.tzinfo is None or len(rows[-1]) != 5:
                return broken("unreadable_row")
            times.append(int(moment.timestamp()))
    return _series(np.array(times, dtype=np.int64), np.array(rows, dtype=np.float64).reshape(-1, 5).T)


def _series(times: NDArray[np.int64], values: NDArray[np.float64]) -> Series:
    if len(times) > 1 and not np.all(np.diff(times) > 0):
        return broken("duplicate_or_unsorted_bars")
    return Series(times, np.ascontiguousarray(values))


def on_grid(
    series: dict[str, Series],
    refused: dict[str, str],
    *,
    as_of: datetime,
    bars: int,
    interval_seconds: int,
) -> Candles:
    """Return the last bars of several series on one grid of time that ends at ``as_of``."""
    end = int(as_of.timestamp()) // interval_seconds * interval_seconds
    starts = end - interval_seconds * np.arange(bars, 0, -1, dtype=np.int64)
    refused = dict(refused)
    symbols: list[str] = []
    selected: list[NDArray[np.float64]] = []
    for symbol in sorted(series):
        one = series[symbol]
        if one.problem is not None:
            refused[symbol] = one.problem
            continue
        values = np.full((5, bars), np.nan)
        columns = np.searchsorted(one.times, starts)
        found = columns < len(one.times)
        found[found] = one.times[columns[found]] == starts[found]
        values[:, found] = one.values[:, columns[found]]
        symbols.append(symbol)
        selected.append(values)
    block = np.stack(selected, axis=1) if selected else np.empty((5, 0, bars))
    opens, highs, lows, closes, volumes = block
    return Candles(
        tuple(symbols), interval_seconds, starts, opens, highs, lows, closes, volumes, refused=refused
    )


def broken(problem: str) -> Series:
    """Return a series that is refused for a reason."""
    return Series(np.empty(0, dtype=np.int64), np.empty((5, 0)), problem)


def _moment(epoch_seconds: int) -> datetime:
    return datetime.fromtimestamp(int(epoch_seconds), UTC)
