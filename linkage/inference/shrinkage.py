"""Differences pulled towards none, by as much as their noise and their number deserve.

The best of twenty worthless sets looks good two times in three. What is left of a difference after shrinking
is what one may expect of it next month.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, pi, sqrt, tan

import numpy as np

from linkage.inference.intervals import Floats
from linkage.inference.rules import Interval

_STEPS = 60
_HALVINGS = 40
_NEGLIGIBLE = 1e-9
_ROOT_2 = sqrt(2)


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
    retained = between[:, None] / total
    means = (retained * turned[None, :]) @ vectors.T
    deviations = np.sqrt((retained * values[None, :]) @ (vectors.T**2))
    tail = (1 - confidence) / 2
    estimates = []
    for mean, deviation in zip(means.T, deviations.T, strict=True):
        mixture = zip(weights.tolist(), mean.tolist(), deviation.tolist(), strict=True)
        parts = [part for part in mixture if part[0] > _NEGLIGIBLE]
        low, high = (_mixture_quantile(parts, level) for level in (tail, 1 - tail))
        estimates.append(Shrunken(float(weights @ mean), Interval(low, high)))
    return estimates


def _mixture_quantile(parts: Sequence[tuple[float, float, float]], probability: float) -> float:
    """Return where a mixture of normal distributions (weight, mean, deviation) has so much below it."""
    low = min(mean - 10 * deviation for _, mean, deviation in parts)
    high = max(mean + 10 * deviation for _, mean, deviation in parts)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        # Half the complementary error function of -z/√2 is the normal distribution at z.
        below = sum(
            weight * erfc((mean - middle) / (deviation * _ROOT_2)) / 2 for weight, mean, deviation in parts
        )
        low, high = (middle, high) if below < probability else (low, middle)
    return (low + high) / 2
