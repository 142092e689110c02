"""Confidence sequences: intervals that hold however often one looks.

A report that comes every day is a repeated look. Fifty looks at an interval made for one look are wrong 30
times in a hundred; these are wrong as often over all looks as they say.
"""

from __future__ import annotations

from math import log, sqrt

from linkage.inference.intervals import quantile

TUNED_AT = 500
"""Clusters at which the sequence is at its tightest, about as many as a verdict needs."""


def radius(count: float, error: float, *, alpha: float, tuned_at: int = TUNED_AT) -> float:
    """Return the half width, now, of an interval that covers at every moment with a chance of 1 − alpha.

    Args:
        count: clusters so far. error: standard error of the estimate from them.
        tuned_at: the number of clusters at which it is tightest; chosen beforehand.

    Source: I. Waudby-Smith and others, Time-uniform central limit theory and asymptotic confidence sequences,
    Annals of Statistics 52 (2024), theorem 2.2: σ √(2(tρ² + 1)/(t²ρ²) · log(√(tρ² + 1)/α)).
    """
    scaled = count * _tuning(alpha, tuned_at)
    return error * sqrt(2 * (scaled + 1) / scaled * log(sqrt(scaled + 1) / alpha))


def needed(difference: float, deviation: float, *, alpha: float, power: float) -> int:
    """Return how many clusters it takes to leave 0 out, with a chance of ``power``, if the difference is so.

    Args:
        deviation: standard error times the root of the number of clusters.
    """
    low, high = 1, 2
    while not _shows(high, difference, deviation, alpha, power):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _shows(middle, difference, deviation, alpha, power) else (middle, high)
    return high


def _shows(count: int, difference: float, deviation: float, alpha: float, power: float) -> bool:
    error = deviation / sqrt(count)
    return radius(count, error, alpha=alpha) + quantile(power) * error <= difference


def _tuning(alpha: float, tuned_at: int) -> float:
    """Return ρ². Source: the same, equation (9) in the form of its appendix B.2."""
    return (-2 * log(alpha) + log(-2 * log(alpha)) + 1) / tuned_at
