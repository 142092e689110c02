"""Confidence sequences: the published formula, how much they cost, and that looking often costs nothing."""

from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest

from linkage.inference.intervals import needed_for_means
from linkage.inference.sequences import TUNED_AT, needed, radius


def test_the_radius_is_the_published_one() -> None:
    rho = sqrt((-2 * log(0.05) + log(-2 * log(0.05)) + 1) / TUNED_AT)
    t, sigma = 300, 0.04
    published = sigma * sqrt(2 * (t * rho**2 + 1) / (t**2 * rho**2) * log(sqrt(t * rho**2 + 1) / 0.05))
    assert radius(t, sigma / sqrt(t), alpha=0.05) == pytest.approx(published, rel=1e-12)


def test_it_takes_about_twice_as_many_as_a_single_look() -> None:
    # Two arms of n each: the difference has √2 times the deviation at n clusters, twice it at 2 n.
    arms = needed(0.01, 2 * 0.04, alpha=0.05, power=0.8) / 2
    assert arms / needed_for_means(0.01, 0.04) == pytest.approx(2, abs=0.1)


def test_it_is_tightest_compared_with_a_single_look_near_the_number_it_is_tuned_for() -> None:
    ratios = {count: radius(count, 1.0, alpha=0.05) for count in (20, 100, TUNED_AT, 2500, 12500)}
    assert min(ratios, key=lambda count: ratios[count]) == TUNED_AT
    assert 2.9 < ratios[TUNED_AT] < 3.2


def test_of_three_hundred_differences_looked_at_after_every_result_hardly_any_leaves_nothing_out() -> None:
    chance = np.random.default_rng(1)
    sides = np.exp(chance.normal(0, 1, (2, 300, 1000)))
    values = sides[0] - sides[1]
    counts = np.arange(1, 1001)
    means = values.cumsum(axis=1) / counts
    deviations = np.sqrt((values**2).cumsum(axis=1) / counts - means**2)
    ratios = np.array([radius(float(count), 1 / sqrt(count), alpha=0.05) for count in counts])
    left = (np.abs(means) > ratios * deviations)[:, 99:]
    once = (np.abs(means) > 1.96 * deviations / np.sqrt(counts))[:, 99:]
    assert left.any(axis=1).mean() <= 0.05
    assert once.any(axis=1).mean() > 0.2
