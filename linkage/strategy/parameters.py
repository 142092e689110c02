"""What a strategy's model of parameters is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from linkage.domain.canonical import normalise_decimal

MAX_DECIMALS = 18
INTERVALS = (60, 300, 900, 1800, 3600, 14400, 86400)


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a field, in its annotation: ``Annotated[int, Unit("bars")]``."""

    name: str


def _known_interval(seconds: int) -> int:
    if seconds not in INTERVALS:
        raise ValueError(f"must be one of {', '.join(map(str, INTERVALS))}")
    return seconds


class ParameterGroup(BaseModel):
    """Base of a model inside the parameters: frozen, without unknown fields, finite.

    A decimal has at most 18 decimals, so that what is computed from it stays exact, and can be stored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    @field_validator("*")
    @classmethod
    def _with_few_decimals(cls, value: Any) -> Any:
        for number in value.values() if isinstance(value, Mapping) else (value,):
            if (
                isinstance(number, Decimal)
                and len(normalise_decimal(number).partition(".")[2]) > MAX_DECIMALS
            ):
                raise ValueError(f"must have at most {MAX_DECIMALS} decimals")
        return value


class StrategyParameters(ParameterGroup):
    """Base of every parameters model. Each field has a default, so that an empty document is a valid one.

    Attributes:
        interval_seconds: length of a bar.
        bars: how many closed bars each decision sees.
        clean_bars: how many of the last bars must be without a gap; an older gap is bridged.
        max_bridged: fraction of the bars that may be bridged.
    """

    interval_seconds: Annotated[int, AfterValidator(_known_interval)] = 300
    bars: Annotated[int, Field(ge=1, le=2000)] = 300
    clean_bars: Annotated[int, Field(ge=1, le=2000)] = 60
    max_bridged: Annotated[float, Field(ge=0, le=1)] = 0.15

    @model_validator(mode="after")
    def _sees_enough_bars(self) -> Self:
        if self.warmup_bars > self.bars:
            raise ValueError(f"bars must be at least {self.warmup_bars} for these periods")
        return self

    @property
    def warmup_bars(self) -> int:
        """The least number of bars from which everything that a decision looks at has a value.

        A model with periods overrides it. A document whose ``bars`` are fewer is refused when it is written.
        """
        return 1
