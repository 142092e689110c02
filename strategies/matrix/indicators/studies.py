"""The series that several indicators read, and their parameters."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from pydantic import ConfigDict, Field

from linkage.strategy.arrays import Floats
from linkage.strategy.parameters import StrategyParameters, Unit
from linkage.strategy.window import Window, rows_in_order
from strategies.matrix.indicators.bands import Bands, bollinger
from strategies.matrix.indicators.recursive import Macd, Recursive, recursive

Period = Annotated[int, Field(ge=2, le=200), Unit("bars")]
Fraction = Annotated[float, Field(ge=0, le=1), Unit("fraction")]
Percent = Annotated[float, Field(ge=0, le=1000), Unit("percent")]
NegativePercent = Annotated[float, Field(ge=-100, le=0), Unit("percent")]
Oscillator = Annotated[float, Field(ge=0, le=100), Unit("0 to 100")]


class StudyParameters(StrategyParameters):
    """The parameters of the studies.

    Attributes:
        bollinger_period: bars; ``bollinger_deviations``: standard deviations on either side.
        rsi_period, atr_period, macd_fast, macd_slow, macd_signal: bars.
    """

    # The models of the indicators are parts of one: none is validated by itself, so none is compiled.
    model_config = ConfigDict(defer_build=True)

    bollinger_period: Period = 20
    bollinger_deviations: Annotated[float, Field(gt=0, le=10), Unit("deviations")] = 2.0
    rsi_period: Period = 14
    atr_period: Period = 14
    macd_fast: Period = 12
    macd_slow: Period = 26
    macd_signal: Period = 9


class Studies:
    """The bars of a window and the series on them, each computed once, when it is first read.

    Arrays have the shape (bars, symbols), the decision's bar last. Series may begin with NaN.

    Attributes:
        opens, highs, lows, closes: every bar of the window, in the quote currency.
        volumes: every bar, in the base currency.
    """

    def __init__(self, window: Window, parameters: StudyParameters, *, depth: int) -> None:
        """Take a window; ``depth`` is how many of the last bars of the studies are read."""
        self.closes, self.highs, self.lows = (
            rows_in_order(values) for values in (window.closes, window.highs, window.lows)
        )
        self.opens, self.volumes = window.opens, window.volumes
        self._parameters = parameters
        self._depth = depth

    @property
    def close(self) -> Floats:
        """The last close of each symbol, shape (symbols,)."""
        last: Floats = self.closes[-1]
        return last

    @cached_property
    def bands(self) -> Bands:
        """Bollinger bands at the last ``depth`` bars, in the quote currency."""
        p = self._parameters
        return bollinger(self.closes, p.bollinger_period, p.bollinger_deviations, keep=self._depth)

    @property
    def rsi(self) -> Floats:
        """RSI at the last ``depth`` bars, 0 to 100."""
        return self._recursive.rsi

    @property
    def atr(self) -> Floats:
        """Average true range at the last ``depth`` bars, in the quote currency."""
        return self._recursive.atr

    @property
    def macd(self) -> Macd:
        """MACD and its signal line at the last ``depth`` bars, in the quote currency."""
        return self._recursive.macd

    @cached_property
    def _recursive(self) -> Recursive:
        p = self._parameters
        return recursive(
            self.highs, self.lows, self.closes,
            rsi_period=p.rsi_period, atr_period=p.atr_period,
            macd_fast=p.macd_fast, macd_slow=p.macd_slow, macd_signal=p.macd_signal, keep=self._depth,
        )  # fmt: skip
