"""Candle files, wherever they are: names, contents, and what makes one of them unfit to trade on.

``BASE-QUOTE_5m.csv``, ``.csv.gz`` or ``.parquet``, with the columns time (start of the bar, ISO 8601 with a
zone; in Parquet a timestamp with one), open, high, low, close, volume (base currency).
"""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.domain.errors import ConfigurationError
from linkage.ports.market import Candles
from linkage.runtime.dependencies import once

SUFFIXES = {60: "1m", 300: "5m", 900: "15m", 1800: "30m", 3600: "1h", 14400: "4h", 86400: "1d"}
COLUMNS = ("time", "open", "high", "low", "close", "volume")
ENDINGS = (".csv.gz", ".csv", ".parquet")
"""In this order, where a symbol has several files."""

# DuckDB's names have no case, so these are the columns whatever theirs is.
_READ = """
SELECT epoch_us("time"::TIMESTAMPTZ) // 1000000 AS "time", "open"::DOUBLE AS "open", "high"::DOUBLE AS "high",
       "low"::DOUBLE AS "low", "close"::DOUBLE AS "close", "volume"::DOUBLE AS "volume"
FROM read_parquet(?)
"""
_MOMENTS = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
_NUMBERS = ("DOUBLE", "FLOAT", "DECIMAL", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT")


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """All bars of one symbol, as they are in its file; ``values`` has shape (5, bars), open to volume."""

    times: NDArray[np.int64]
    values: NDArray[np.float64]
    problem: str | None = None


def symbol_of(name: str) -> str | None:
    """Return the symbol that a file of this name holds; None when it is no candle file."""
    symbol, mark, rest = name.partition("_")
    return symbol if symbol and mark and rest.endswith(ENDINGS) else None


def file_names(symbol: str, interval_seconds: int) -> Iterator[str]:
    """Yield the names that a symbol's file may have, the first choice first."""
    stem = f"{symbol}_{SUFFIXES.get(interval_seconds, f'{interval_seconds}s')}"
    yield from (f"{stem}{ending}" for ending in ENDINGS)


def read_candles(name: str, content: bytes) -> Series:
    """Return a file's bars. A file that cannot be understood is a series with a problem.

    Args:
        name: of the file; its ending says what the content is.
        content: all of it.

    Raises:
        ConfigurationError: it is a Parquet file, and its reader is not installed.
    """
    if name.endswith(".parquet"):
        return _read_parquet(content)
    try:
        text = (gzip.decompress(content) if name.endswith(".gz") else content).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        return broken("unreadable_row")
    return _read_csv(text)


def _read_csv(text: str) -> Series:
    times: list[int] = []
    rows: list[tuple[float, ...]] = []
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if header[: len(COLUMNS)] != list(COLUMNS):
            return broken("unknown_columns")
        for row in reader:
            moment = datetime.fromisoformat(row[0])
            rows.append(tuple(float(value) if value else np.nan for value in row[1:6]))
            if moment.tzinfo is None or len(rows[-1]) != 5:
                return broken("unreadable_row")
            times.append(int(moment.timestamp()))
    except (ValueError, IndexError, csv.Error):
        return broken("unreadable_row")
    return _series(np.array(times, dtype=np.int64), np.array(rows, dtype=np.float64).reshape(-1, 5).T)


def _read_parquet(content: bytes) -> Series:
    duckdb = _duckdb()
    # DuckDB reads files only, and takes stars and brackets in a path for a pattern: this one has none.
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        file.write(content)
        file.flush()
        try:
            return _query(_connection().cursor(), file.name)
        except (duckdb.Error, UnicodeDecodeError):
            return broken("unreadable_row")


def _query(connection: Any, path: str) -> Series:
    described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [path]).fetchall()
    kinds = [(str(name), str(kind)) for name, kind, *_ in described[: len(COLUMNS)]]
    if [name.lower() for name, _ in kinds] != list(COLUMNS):
        return broken("unknown_columns")
    if kinds[0][1] not in _MOMENTS:
        return broken("unreadable_row")
    if not all(kind.removeprefix("U").startswith(_NUMBERS) for _, kind in kinds[1:]):
        return broken("unreadable_row")
    found: Mapping[str, Any] = connection.execute(_READ, [path]).fetchnumpy()
    times, *values = (found[name] for name in COLUMNS)
    if np.ma.is_masked(times):
        return broken("unreadable_row")
    return _series(
        np.asarray(times, dtype=np.int64), np.array([np.ma.filled(column, np.nan) for column in values])
    )


@once
def _connection() -> Any:
    """Return the process's one database, in memory. Each thread needs a cursor of it."""
    options = {"threads": 1, "autoinstall_known_extensions": False, "autoload_known_extensions": False}
    return _duckdb().connect(":memory:", config=options)


def _duckdb() -> Any:
    try:
        import duckdb  # half a second, and in few zips
    except ImportError:
        raise ConfigurationError("Parquet files need the group candles", field="market") from None
    return duckdb


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
        symbols=tuple(symbols), interval_seconds=interval_seconds, times=starts,
        opens=opens, highs=highs, lows=lows, closes=closes, volumes=volumes,
        refused=refused,
    )  # fmt: skip


def broken(problem: str) -> Series:
    """Return a series that is refused for a reason."""
    return Series(np.empty(0, dtype=np.int64), np.empty((5, 0)), problem)
