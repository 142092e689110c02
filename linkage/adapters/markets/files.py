"""Candles from a folder of files; which files, in ``candle_files``.

A file is read once per version, by its time of change and size, and kept as arrays in the process.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linkage.adapters.markets.candle_files import Series, broken, file_names, on_grid, read_candles, symbol_of
from linkage.domain.errors import MarketUnavailableError
from linkage.ports.market import Candles
from linkage.runtime.dependencies import memoised


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
        names = (symbol_of(path.name) for path in self._folder.iterdir())
        return sorted({name for name in names if name is not None})

    def candles(
        self, symbols: Sequence[str], *, as_of: datetime, bars: int, interval_seconds: int
    ) -> Candles:
        """Return the last bars that were closed at ``as_of``; see ``ports.market.MarketData``."""
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
        candidates = (self._folder / name for name in file_names(symbol, interval_seconds))
        return next((path for path in candidates if path.is_file()), None)


@memoised(limit=1024)
def read_series(path: Path, changed_ns: int, size: int) -> Series:  # noqa: ARG001 - part of the cache's key
    """Return a file's bars. A file that cannot be read or understood is a series with a problem.

    Raises:
        ConfigurationError: it is a Parquet file, and its reader is not installed.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return broken("unreadable_file")
    return read_candles(path.name, content)


def _moment(epoch_seconds: int) -> datetime:
    return datetime.fromtimestamp(int(epoch_seconds), UTC)
