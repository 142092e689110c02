"""Differences pulled towards none, by as much as their noise and their number deserve.

The best of twenty worthless sets looks good two times in three. What is left of a difference after shrinking
is what one may expect of it next month.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, tan
from statistics import NormalDist

import numpy as np

from linkage.inference.intervals import Floats
from linkage.inference.rules import Interval

_STEPS = 60


@dataclass(frozen=True, slots=True)
class Shrunken:
    """A difference after shrinking, with the interval that holds it with the given probability."""

    mean: float
    interval: Interval


def shrink(
    differences: Floats, covariance: Floats, *, scale: float, confidence: float = 0.95
) -> list[Shrunken]:
    """Return each difference as a hierarchical model sees it, together with all the others.

    d ~ N(θ, Σ), θᵢ ~ N(0, τ²), τ ~ half-Cauchy(scale). τ, the deviation between the sets, is integrated over
    rather than estimated: with few sets its estimate is often 0, and everything would shrink to nothing.

    Args:
        differences: of each set from the reference. covariance: of their errors, positive semi-definite.
        scale: a deviation between sets that would not surprise; the smallest difference worth acting on.

    Source: A. Gelman, Prior distributions for variance parameters in hierarchical models, Bayesian Analysis 1
    (2006) 515; D. B. Rubin, Journal of Educational Statistics 6 (1981) 377.
    """
    if len(differences) == 0:
        return []
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 1e-18)
    turned = vectors.T @ differences
    # Steps of equal probability of the half-Cauchy distribution.
    between = np.array([(scale * tan(pi / 2 * (step + 0.5) / _STEPS)) ** 2 for step in range(_STEPS)])
    total = values[None, :] + between[:, None]
    fit = -0.5 * (np.log(total) + turned[None, :] ** 2 / total).sum(axis=1)
    weights = np.exp(fit - fit.max())
    weights /= weights.sum()
    kept = between[:, None] / total
    means = (kept * turned[None, :]) @ vectors.T
    deviations = np.sqrt((kept * values[None, :]) @ (vectors.T**2))
    tail = (1 - confidence) / 2
    return [
        Shrunken(
            float(weights @ means[:, index]),
            Interval(
                _mixture_quantile(weights, means[:, index], deviations[:, index], tail),
                _mixture_quantile(weights, means[:, index], deviations[:, index], 1 - tail),
            ),
        )
        for index in range(len(differences))
    ]


def _mixture_quantile(weights: Floats, means: Floats, deviations: Floats, probability: float) -> float:
    normal = NormalDist()
    low = float((means - 10 * deviations).min())
    high = float((means + 10 * deviations).max())
    for _ in range(40):
        middle = (low + high) / 2
        below = sum(
            weight * normal.cdf((middle - mean) / deviation)
            for weight, mean, deviation in zip(weights, means, deviations, strict=True)
            if weight > 1e-9
        )
        low, high = (middle, high) if below < probability else (low, middle)
    return (low + high) / 2
