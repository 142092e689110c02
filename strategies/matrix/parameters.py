"""Every number and name that can change a decision, with its unit and its bounds."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from linkage.strategy.parameters import ParameterGroup, StrategyParameters, Unit

Period = Annotated[int, Field(ge=2, le=200), Unit("bars")]
Weight = Annotated[Decimal, Field(ge=0, le=100), Unit("score")]
Fraction = Annotated[float, Field(ge=0, le=1), Unit("fraction")]
Percent = Annotated[float, Field(ge=0, le=1000), Unit("percent")]
Oscillator = Annotated[float, Field(ge=0, le=100), Unit("0 to 100")]


def _sorted(symbols: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(symbols)))


class Weights(ParameterGroup):
    """What each indicator adds to the score of its side when it fires."""

    ratio: Weight = Decimal("1.2")
    touch: Weight = Decimal("1.5")
    pattern: Weight = Decimal("2.0")
    rsi: Weight = Decimal("2.5")
    roc: Weight = Decimal("2.0")
    macd: Weight = Decimal("1.8")
    swing: Weight = Decimal("2.2")


class Parameters(StrategyParameters):
    """The parameters of the reference strategy. Fractions are of 1, percentages of 100.

    Attributes:
        bollinger_period: bars; ``bollinger_deviations``: standard deviations on either side.
        buy_band_width, sell_band_width: fractions; Ratio compares upper ÷ lower with one plus them.
        rsi_period, roc_period, macd_fast, macd_slow, macd_signal, atr_period: bars.
        rsi_buy, rsi_sell: 0 to 100.
        roc_buy, roc_sell: percent over ``roc_period`` bars; the second is negative.
        swing_bars: how many previous bars a close must break out of.
        pattern_bars: how far back the W and the M may begin; ``volume_period``: bars of the mean volume.
        min_swing: the least rise between the lows of a W, in ATRs.
        score_buy_target, score_sell_target: sums of weights that a side needs.
        min_indicators: how many must fire on that side.
        hysteresis: fraction that is added to the target for flipping the side.
        cooldown_bars: bars after a signal in which the other side is held back.
        exclusions: symbols that are never traded.
        max_spread: fraction of the price.
        max_signals_per_run: how many signals one run may send.
        roc_momo_buy, roc_momo_sell: percent; ``roc_momo_min_change``: percentage points per bar;
            ``roc_momo_deviations``: of the rate's change over ``roc_momo_deviation_bars`` bars.
        rsi_gate_low, rsi_gate_high: the RSI between which the momentum rule may fire.
        order_notional: size of an entry in the quote currency; ``order_notional_by_quote`` overrides it.
        entry_order_type: of entries by score; momentum entries and exits are market orders.
        limit_offset: fraction by which a limit entry is better than the close.
        take_profit, stop_loss: fractions of the entry's price; zero is none.
    """

    bars: Annotated[int, Field(ge=60, le=2000)] = 300

    bollinger_period: Period = 20
    bollinger_deviations: Annotated[float, Field(gt=0, le=10), Unit("deviations")] = 2.0
    buy_band_width: Fraction = 0.03
    sell_band_width: Fraction = 0.01
    rsi_period: Period = 14
    rsi_buy: Oscillator = 35.0
    rsi_sell: Oscillator = 65.0
    roc_period: Annotated[int, Field(ge=1, le=200), Unit("bars")] = 4
    roc_buy: Percent = 1.0
    roc_sell: Annotated[float, Field(ge=-100, le=0), Unit("percent")] = -1.0
    macd_fast: Period = 12
    macd_slow: Period = 26
    macd_signal: Period = 9
    atr_period: Period = 14
    swing_bars: Period = 20
    pattern_bars: Annotated[int, Field(ge=5, le=200)] = 40
    volume_period: Period = 20
    min_swing: Annotated[float, Field(ge=0, le=20), Unit("ATR")] = 0.5
    weights: Weights = Weights()

    score_buy_target: Annotated[Decimal, Field(gt=0, le=1000), Unit("score")] = Decimal("5.5")
    score_sell_target: Annotated[Decimal, Field(gt=0, le=1000), Unit("score")] = Decimal("5.5")
    min_indicators: Annotated[int, Field(ge=1, le=7), Unit("indicators")] = 2
    hysteresis: Annotated[Decimal, Field(ge=0, le=10), Unit("fraction")] = Decimal("0.10")
    cooldown_bars: Annotated[int, Field(ge=0, le=1000)] = 7
    exclusions: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=64)], ...], AfterValidator(_sorted)
    ] = ()
    max_spread: Fraction = 0.005
    max_signals_per_run: Annotated[int, Field(ge=0, le=1000), Unit("signals")] = 20

    roc_momo_buy: Percent = 8.5
    roc_momo_sell: Annotated[float, Field(ge=-100, le=0), Unit("percent")] = -8.5
    roc_momo_min_change: Percent = 0.3
    roc_momo_deviations: Annotated[float, Field(ge=0, le=20), Unit("deviations")] = 0.5
    roc_momo_deviation_bars: Period = 20
    rsi_gate_low: Oscillator = 45.0
    rsi_gate_high: Oscillator = 55.0

    order_notional: Annotated[Decimal, Field(gt=0, le=10**9), Unit("quote currency")] = Decimal(20)
    order_notional_by_quote: dict[str, Annotated[Decimal, Field(gt=0, le=10**9)]] = Field(
        default_factory=lambda: {"BTC": Decimal("0.002"), "ETH": Decimal("0.05")}
    )
    entry_order_type: Literal["market", "limit"] = "limit"
    limit_offset: Annotated[Decimal, Field(ge=0, lt=1), Unit("fraction")] = Decimal(0)
    take_profit: Annotated[Decimal, Field(ge=0, le=10), Unit("fraction")] = Decimal("0.025")
    stop_loss: Annotated[Decimal, Field(ge=0, lt=1), Unit("fraction")] = Decimal("0.02")

    @model_validator(mode="after")
    def _consistent(self) -> Parameters:
        for low, high in (
            ("macd_fast", "macd_slow"), ("rsi_buy", "rsi_sell"), ("rsi_gate_low", "rsi_gate_high"),
            ("sell_band_width", "buy_band_width"),
        ):  # fmt: skip
            if getattr(self, low) >= getattr(self, high):
                raise ValueError(f"{low} must be less than {high}")
        if self.warmup_bars > self.bars:
            raise ValueError(f"bars must be at least {self.warmup_bars} for these periods")
        if self.clean_bars > self.bars:
            raise ValueError("clean_bars must not exceed bars")
        return self

    @property
    def warmup_bars(self) -> int:
        """The least number of bars from which every indicator has a value."""
        longest_band = self.bollinger_period + self.pattern_bars
        return 1 + max(
            self.macd_slow + self.macd_signal,
            longest_band,
            self.rsi_period + 1,
            self.atr_period + self.pattern_bars,
            self.swing_bars + 1,
            self.volume_period + 1,
            self.roc_period + self.roc_momo_deviation_bars + 1,
        )

    def notional_of(self, quote: str) -> Decimal:
        """Return the size of an entry in this quote currency."""
        return self.order_notional_by_quote.get(quote, self.order_notional)
