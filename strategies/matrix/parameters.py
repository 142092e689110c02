"""Every number and name that can change a decision, with its unit and its bounds.

What concerns one indicator is declared with it; the models here are put together from the registry. So the
type checker cannot know their fields one by one: to it, the complete models take and have any field.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, create_model, model_validator

from linkage.strategy.parameters import ParameterGroup, StrategyParameters, Unit
from strategies.matrix.indicators.registry import INDICATORS
from strategies.matrix.indicators.studies import Fraction
from strategies.matrix.momentum import ASCENDING, MomentumParameters, warmup_bars

Weight = Annotated[Decimal, Field(ge=0, le=100), Unit("score")]

if TYPE_CHECKING:

    class Weights(ParameterGroup):
        """What each indicator adds to the score of its side when it fires."""

        def __init__(self, **weights: Decimal) -> None: ...
        def __getattr__(self, name: str) -> Decimal: ...

else:
    Weights = create_model(
        "Weights",
        __base__=ParameterGroup,
        __module__=__name__,
        __doc__="What each indicator adds to the score of its side when it fires.",
        **{indicator.name: (Weight, indicator.weight) for indicator in INDICATORS},
    )


def _sorted(symbols: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(symbols)))


class ScoreParameters(StrategyParameters):
    """What is made of the indicators: scores, guardrails and orders. Fractions are of 1, percentages of 100.

    Attributes:
        score_buy_target, score_sell_target: sums of weights that a side needs.
        min_indicators: how many must fire on that side.
        hysteresis: fraction that is added to the target for flipping the side.
        cooldown_bars: bars after a signal in which the other side is held back.
        exclusions: symbols that are never traded.
        max_spread: fraction of the price.
        max_signals_per_run: how many signals one run may send.
        order_notional: size of an entry in the quote currency; ``order_notional_by_quote`` overrides it.
        entry_order_type: of entries by score; momentum entries and exits are market orders.
        limit_offset: fraction by which a limit entry is better than the close.
        take_profit, stop_loss: fractions of the entry's price; zero is none.
    """

    bars: Annotated[int, Field(ge=60, le=2000)] = 300

    weights: Weights = Weights()
    score_buy_target: Annotated[Decimal, Field(gt=0, le=1000), Unit("score")] = Decimal("5.5")
    score_sell_target: Annotated[Decimal, Field(gt=0, le=1000), Unit("score")] = Decimal("5.5")
    min_indicators: Annotated[int, Field(ge=1, le=len(INDICATORS)), Unit("indicators")] = 2
    hysteresis: Annotated[Decimal, Field(ge=0, le=10), Unit("fraction")] = Decimal("0.10")
    cooldown_bars: Annotated[int, Field(ge=0, le=1000)] = 7
    exclusions: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=64)], ...], AfterValidator(_sorted)
    ] = ()
    max_spread: Fraction = 0.005
    max_signals_per_run: Annotated[int, Field(ge=0, le=1000), Unit("signals")] = 20

    order_notional: Annotated[Decimal, Field(gt=0, le=10**9), Unit("quote currency")] = Decimal(20)
    order_notional_by_quote: dict[str, Annotated[Decimal, Field(gt=0, le=10**9)]] = Field(
        default_factory=lambda: {"BTC": Decimal("0.002"), "ETH": Decimal("0.05")}
    )
    entry_order_type: Literal["market", "limit"] = "limit"
    limit_offset: Annotated[Decimal, Field(ge=0, lt=1), Unit("fraction")] = Decimal(0)
    take_profit: Annotated[Decimal, Field(ge=0, le=10), Unit("fraction")] = Decimal("0.025")
    stop_loss: Annotated[Decimal, Field(ge=0, lt=1), Unit("fraction")] = Decimal("0.02")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        pairs = [pair for indicator in INDICATORS for pair in indicator.ascending]
        for low, high in (*pairs, *ASCENDING):
            if getattr(self, low) >= getattr(self, high):
                raise ValueError(f"{low} must be less than {high}")
        if self.clean_bars > self.bars:
            raise ValueError("clean_bars must not exceed bars")
        return self

    @property
    def warmup_bars(self) -> int:
        """The least number of bars from which every indicator has a value."""
        complete: Any = self
        return max(warmup_bars(complete), *(indicator.warmup_bars(complete) for indicator in INDICATORS))

    def notional_of(self, quote: str) -> Decimal:
        """Return the size of an entry in this quote currency."""
        return self.order_notional_by_quote.get(quote, self.order_notional)


def _bases() -> tuple[type[BaseModel], ...]:
    """Return the models of which the parameters consist, the one whose fields come last first."""
    models: list[type[BaseModel]] = [ScoreParameters, MomentumParameters]
    models += [indicator.parameters for indicator in reversed(INDICATORS)]
    unique = dict.fromkeys(models)
    return tuple(
        model
        for model in unique
        if not any(issubclass(other, model) for other in unique if other is not model)
    )


if TYPE_CHECKING:

    class Parameters(ScoreParameters, MomentumParameters):
        """The parameters of the reference strategy."""

        def __init__(self, **values: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

else:
    Parameters = create_model(
        "Parameters",
        __base__=_bases(),
        __module__=__name__,
        __doc__="The parameters of the reference strategy.",
    )
