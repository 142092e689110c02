"""Each of the fourteen sides fires on a market of its own and not on another; scores are exact sums."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from strategies.matrix.indicators.registry import INDICATORS
from strategies.matrix.parameters import Parameters, Weights
from strategies.matrix.scoring import read_indicators, score
from tests.strategies.matrix.markets import block_of, random_rows, rows_of, window_of

PARAMETERS = Parameters()


def calm(bars: int = 320) -> list[float]:
    """A slow small wave around 100."""
    return [100 + 0.2 * math.sin(bar / 3) for bar in range(bars)]


def falling() -> list[float]:
    """Calm, then six bars down."""
    return [*calm()[:-6], 99.5, 99.0, 98.4, 97.9, 97.2, 96.4]


def resuming() -> list[float]:
    """A steady rise, a dip of seven bars, and the eighth bar up again."""
    rise = [100 + 0.1 * bar for bar in range(320)]
    dip = [rise[-1] - 0.05 * bar for bar in range(1, 8)]
    return [*rise, *dip, *(dip[-1] + 0.15 * bar for bar in range(1, 9))]


def double_bottom(more: int = 2) -> list[float]:
    """A low under the band, a higher low, and then so many bars up; the second of them is over the middle."""
    lows = [99.6, 99.0, 98.2, 97.2, 97.0, 97.6, 97.9, 97.8, 97.5, 97.4, 97.6, 97.8, 97.9, 98.0]
    return [*calm()[:-20], *lows, *(98.2 + 0.2 * bar for bar in range(more))]


def mirrored(closes: list[float]) -> list[float]:
    """Up is down."""
    return [400 - close for close in closes]


def fired(closes: list[float], *, last_volume: float = 40.0) -> set[str]:
    rows = rows_of(closes)
    rows[-1] = (*rows[-1][:4], last_volume)
    result = score(read_indicators(window_of(rows, PARAMETERS), PARAMETERS), 0)
    return {*result.buy_fired, *result.sell_fired}


@pytest.mark.parametrize(
    ("name", "fires", "is_silent"),
    [
        ("Buy Ratio", falling(), calm()),
        ("Sell Ratio", calm(), falling()),
        ("Buy Touch", falling(), mirrored(falling())),
        ("Sell Touch", [200 - close for close in falling()], falling()),
        ("W-Bottom", double_bottom(), double_bottom(1)),
        ("M-Top", mirrored(double_bottom()), mirrored(double_bottom(1))),
        ("Buy RSI", falling(), calm()),
        ("Sell RSI", [200 - close for close in falling()], calm()),
        ("Buy ROC", [200 - close for close in falling()], calm()),
        ("Sell ROC", falling(), calm()),
        ("Buy MACD", resuming(), resuming()[:-1]),
        ("Sell MACD", mirrored(resuming()), mirrored(resuming())[:-1]),
        ("Buy Swing", [200 - close for close in falling()], falling()),
        ("Sell Swing", falling(), [200 - close for close in falling()]),
    ],
)
def test_each_side_fires_on_its_market_and_not_on_another(
    name: str, fires: list[float], is_silent: list[float]
) -> None:
    assert name in fired(fires)
    assert name not in fired(is_silent)


def test_a_w_completes_once_and_only_on_more_than_the_mean_volume() -> None:
    assert "W-Bottom" not in fired(double_bottom(), last_volume=5.0)
    assert "W-Bottom" not in fired(double_bottom(3))


def test_a_w_needs_a_rise_between_its_lows_and_says_how_large_it_was() -> None:
    rows = rows_of(double_bottom())
    rows[-1] = (*rows[-1][:4], 40.0)
    strict = Parameters(min_swing=2.0)
    usual = score(read_indicators(window_of(rows, PARAMETERS), PARAMETERS), 0)
    larger = score(read_indicators(window_of(rows, strict), strict), 0)

    assert Decimal("0.5") <= Decimal(str(usual.breakdown["W-Bottom"]["value"])) < 2
    assert "W-Bottom" not in larger.buy_fired
    assert larger.breakdown["W-Bottom"]["value"] is None


def test_a_score_is_the_exact_sum_of_what_its_breakdown_says() -> None:
    result = score(read_indicators(window_of(rows_of(falling()), PARAMETERS), PARAMETERS), 0)

    assert result.buy == Decimal("5.2")
    assert result.sell == Decimal("4.2")
    assert len(result.breakdown) == 2 * len(INDICATORS)
    contributions = {name: Decimal(str(line["contribution"])) for name, line in result.breakdown.items()}
    assert sum(contributions[name] for name in result.buy_fired) == result.buy
    assert all(contributions[name] == 0 for name, line in result.breakdown.items() if not line["decision"])
    assert result.breakdown["Buy RSI"]["weight"] == "2.5"
    assert Decimal(str(result.breakdown["Buy RSI"]["value"])) < 35


def test_a_weight_of_zero_fires_without_contributing() -> None:
    parameters = Parameters(weights=Weights(rsi=Decimal(0)))
    result = score(read_indicators(window_of(rows_of(falling()), parameters), parameters), 0)

    assert "Buy RSI" in result.buy_fired
    assert result.buy == Decimal("2.7")


def test_what_the_bars_are_not_enough_for_neither_fires_nor_has_a_value() -> None:
    result = score(read_indicators(block_of([random_rows(30, 1)], 30), PARAMETERS), 0)

    assert result.breakdown["Buy RSI"]["value"] is not None
    for name in ("W-Bottom", "M-Top", "Buy MACD", "Sell MACD", "Buy Swing", "Sell Swing"):
        assert (result.breakdown[name]["decision"], result.breakdown[name]["value"]) == (0, None)
