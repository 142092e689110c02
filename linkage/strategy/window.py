"""The bars that a decision may see: closed ones only, checked, and short gaps bridged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from linkage.ports import Candles
from linkage.strategy.indicators import Flags, Floats
from linkage.strategy.plugin import StrategyParameters, last_close


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Bars of the usable symbols, arrays of shape (bars, symbols), the decision's bar last.

    Attributes:
        skipped: symbol to the reason why it is not traded on this time.
    """

    symbols: tuple[str, ...]
    opens: Floats
    highs: Floats
    lows: Floats
    closes: Floats
    volumes: Floats
    skipped: dict[str, str]


def select_window(candles: Candles, parameters: StrategyParameters, now: datetime) -> Window:
    """Return the window that a decision at ``now`` may see.

    A symbol is left out, with its reason, when its last bar is missing or without volume
    (``missing_last_bar``, ``no_volume``), when its window does not begin with a bar (``too_few_bars``),
    when one of its last ``clean_bars`` is missing (``gap``) or too many older ones are (``gaps``), and
    when a value is no price (``invalid_values``). An older gap is bridged by its previous close.
    """
    skipped = dict(candles.refused)
    end = int(last_close(now, parameters.interval_seconds).timestamp())
    starts = end - parameters.interval_seconds * np.arange(parameters.bars, 0, -1, dtype=np.int64)
    columns = np.searchsorted(candles.times, starts)
    found = columns < len(candles.times)
    columns = np.where(found, columns, 0)
    found &= len(candles.times) > 0
    if len(candles.times):
        found &= candles.times[columns] == starts
    symbols = candles.symbols
    if candles.interval_seconds != parameters.interval_seconds:
        skipped.update(dict.fromkeys(symbols, "wrong_interval"))
        return _empty(skipped)
    if not symbols or not found[-1]:
        skipped.update(dict.fromkeys(symbols, "missing_last_bar"))
        return _empty(skipped)

    opens, highs, lows, closes, volumes = (
        _select(values, columns, found)
        for values in (candles.opens, candles.highs, candles.lows, candles.closes, candles.volumes)
    )
    missing = np.isnan(closes)
    checks = (
        ("missing_last_bar", missing[-1]),
        ("too_few_bars", missing[0]),
        ("gap", missing[-parameters.clean_bars :].any(axis=0)),
        ("gaps", missing.sum(axis=0) > parameters.max_bridged * parameters.bars),
        ("invalid_values", _invalid(opens, highs, lows, closes, volumes, missing)),
        ("no_volume", volumes[-1] == 0),
    )
    usable = np.ones(len(symbols), dtype=bool)
    for reason, failed in checks:
        for column in np.flatnonzero(failed & usable):
            skipped[symbols[column]] = reason
        usable &= ~failed
    keep = np.flatnonzero(usable)
    opens, highs, lows, closes, volumes = (
        np.ascontiguousarray(values[:, keep]) for values in (opens, highs, lows, closes, volumes)
    )
    _bridge(opens, highs, lows, closes, volumes)
    return Window(tuple(symbols[column] for column in keep), opens, highs, lows, closes, volumes, skipped)


def _select(values: Floats, columns: np.ndarray[tuple[int], np.dtype[np.int64]], found: Flags) -> Floats:
    selected = values[:, columns].T.copy()
    selected[~found] = np.nan
    return selected


def _invalid(
    opens: Floats, highs: Floats, lows: Floats, closes: Floats, volumes: Floats, missing: Flags
) -> Flags:
    lowest = np.minimum(opens, closes)
    highest = np.maximum(opens, closes)
    # A comparison with NaN is false: a bar with a close and without a low is not valid either.
    valid = (lows > 0) & (lows <= lowest) & (highs >= highest) & (highs < np.inf)
    valid &= (volumes >= 0) & (volumes < np.inf)
    return np.asarray((~valid & ~missing).any(axis=0))


def _bridge(opens: Floats, highs: Floats, lows: Floats, closes: Floats, volumes: Floats) -> None:
    missing = np.isnan(closes)
    for bar in np.flatnonzero(missing.any(axis=1)):
        gap = missing[bar]
        for values in (opens, highs, lows):
            values[bar] = np.where(gap, closes[bar - 1], values[bar])
        volumes[bar] = np.where(gap, 0.0, volumes[bar])
        closes[bar] = np.where(gap, closes[bar - 1], closes[bar])


def _empty(skipped: dict[str, str]) -> Window:
    none = np.empty((0, 0))
    return Window((), none, none, none, none, none, skipped)
