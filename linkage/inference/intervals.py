"""Intervals for rates and means, and how many episodes a difference needs.

On few or lopsided data none of them covers what it should, so nothing is shown from fewer than ten wins,
ten losses or thirty effective episodes (``Rules.standing``); the proofs measure what they cover from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from linkage.inference.rules import Interval, Rules

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.intp]

SEED = 20261122
_MOST_CLUSTERS = 1000
"""From here on the resampled quantile is the normal one to two digits, and resampling only costs time."""

_BLOCK = 250_000
"""Resampled values held at once: 2 MB, which stay in a processor's cache."""


def wilson(part: float, whole: float, *, confidence: float = 0.95) -> Interval | None:
    """Return Wilson's score interval for a proportion; None of none.

    Args:
        part, whole: counts; with clusters, both times n_eff ÷ n.

    Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927) 209.
    """
    if whole <= 0:
        return None
    z = quantile(0.5 + confidence / 2)
    share = part / whole
    below = 1 + z * z / whole
    centre = (share + z * z / (2 * whole)) / below
    half = z * sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole)) / below
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def mean_interval(
    values: Sequence[float] | Floats, clusters: Sequence[int] | Numbers, *, rules: Rules | None = None
) -> Interval | None:
    """Return a studentised bootstrap interval for a mean, resampled by cluster.

    It is symmetric: the mean plus and minus a quantile of the absolute studentised deviation. On lopsided
    data the equal-tailed one is right on average and wrong just when the rare side came up too often.

    Args:
        values: one for each episode. clusters: the number of its cluster.

    Returns:
        None for fewer than two clusters, or if too many resamples do not vary to say anything.

    Source: P. Hall, On symmetric bootstrap confidence intervals, Journal of the Royal Statistical Society B
    50 (1988) 35; by cluster: A. C. Cameron, J. B. Gelbach, D. L. Miller, Review of Economics and Statistics
    90 (2008) 414.
    """
    rules = rules or Rules()
    sums, sizes = by_cluster(values, clusters)
    count = len(sums)
    if count < 2:
        return None
    mean = float(sums.sum() / sizes.sum())
    error = float(_standard_error(sums[None, :], sizes[None, :], np.array([mean]))[0])
    if count > _MOST_CLUSTERS:
        width = quantile(0.5 + rules.confidence / 2)
    else:
        width = _bootstrap_quantile(sums, sizes, mean, rules)
    return Interval(mean - width * error, mean + width * error) if width < inf and error > 0 else None


def by_cluster(values: Sequence[float] | Floats, clusters: Sequence[int] | Numbers) -> tuple[Floats, Floats]:
    """Return the sum and the size of each cluster."""
    numbers = np.unique(np.asarray(clusters, dtype=np.intp), return_inverse=True)[1]
    sums: Floats = np.bincount(numbers, weights=np.asarray(values, dtype=np.float64)).astype(np.float64)
    return sums, np.bincount(numbers).astype(np.float64)


def needed_for_means(difference: float, deviation: float, *, rules: Rules | None = None) -> int:
    """Return how many episodes each of two sets needs to show a difference of means, looked at once.

    n = 2 σ² (z₁₋α/₂ + z_power)² ÷ difference². Source: S.-C. Chow and others, Sample Size Calculations in
    Clinical Research (2018), section 3.2.
    """
    rules = rules or Rules()
    z = quantile(0.5 + rules.confidence / 2) + quantile(rules.power)
    return ceil(2 * (deviation * z / difference) ** 2)


def quantile(probability: float) -> float:
    """Return the quantile of the standard normal distribution."""
    return NormalDist().inv_cdf(probability)


def _bootstrap_quantile(sums: Floats, sizes: Floats, mean: float, rules: Rules) -> float:
    count = len(sums)
    chance = np.random.default_rng(SEED)
    deviations = []
    step = max(1, _BLOCK // count)
    for first in range(0, rules.resamples, step):
        chosen = chance.integers(0, count, (min(step, rules.resamples - first), count))
        resampled, weights = sums[chosen], sizes[chosen]
        means = resampled.sum(axis=1) / weights.sum(axis=1)
        errors = _standard_error(resampled, weights, means)
        with np.errstate(divide="ignore", invalid="ignore"):
            # A resample of equal values has no error of its own: it says nothing, which is the widest.
            deviations.append(np.where(errors > 0, np.abs(means - mean) / errors, inf))
    ordered: Any = np.sort(np.concatenate(deviations))
    return float(ordered[ceil(rules.confidence * (len(ordered) + 1)) - 1])


def _standard_error(sums: Floats, sizes: Floats, means: Floats) -> Floats:
    """Return the standard error of Σ sums ÷ Σ sizes along the last axis, each cluster one observation."""
    count = sums.shape[-1]
    rest = sums - means[:, None] * sizes
    # Equal values leave a remainder of rounding, not of variation.
    rest[np.abs(rest) < 1e-12 * np.abs(sums).max(initial=1e-300)] = 0.0
    result: Floats = np.sqrt((rest**2).sum(axis=-1) * count / (count - 1)) / sizes.sum(axis=-1)
    return result
