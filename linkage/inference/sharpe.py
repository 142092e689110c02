"""How likely the Sharpe ratio behind some results is above a given one."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

import numpy as np

from linkage.inference.intervals import Floats

MIN_EFFECTIVE = 100
MIN_LOSSES = 10


def probabilistic_sharpe(values: Sequence[float] | Floats, *, benchmark: float = 0.0) -> float | None:
    """Return the probability that the true Sharpe ratio is above the benchmark.

    Φ((SR − SR*) ÷ σ) with σ² = (1 − γ₃·SR + (γ₄ − 1)/4 · SR²) ÷ (n − 1), where SR is per observation and γ₄
    is the *raw* kurtosis: 3 for the normal distribution, not 0.

    Args:
        values: per-unit results, one for each independent observation.
        benchmark: SR*, per observation as well.

    Returns:
        None for fewer than two values, values that are all the same, or a variance that is not above 0.

    Source: D. H. Bailey and M. López de Prado, The Sharpe Ratio Efficient Frontier, Journal of Risk 15
    (2012), equation 11.
    """
    array = np.asarray(values, dtype=np.float64)
    if len(array) < 2 or np.ptp(array) == 0:
        return None
    rest = array - array.mean()
    second = float((rest**2).mean())
    skewness = float((rest**3).mean()) / second**1.5
    kurtosis = float((rest**4).mean()) / second**2
    ratio = float(array.mean() / array.std(ddof=1))
    variance = (1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2) / (len(array) - 1)
    return NormalDist().cdf((ratio - benchmark) / sqrt(variance)) if variance > 0 else None


def has_enough_data(*, n_eff: float, losses: int) -> bool:
    """Return whether there is enough data to show the probability at all."""
    return n_eff >= MIN_EFFECTIVE and losses >= MIN_LOSSES
