"""Shrinkage: towards none, by what noise and number deserve; against a slow integration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from linkage.inference.shrinkage import shrink


def test_one_difference_is_what_a_numerical_integration_gives() -> None:
    difference, error, scale = 0.02, 0.006, 0.01

    def weight(tau: float) -> float:
        total = np.sqrt(error**2 + tau**2)
        return float(stats.halfcauchy.pdf(tau, scale=scale) * stats.norm.pdf(difference, scale=total))

    def kept(tau: float) -> float:
        return weight(tau) * tau**2 / (tau**2 + error**2) * difference

    expected = integrate.quad(kept, 0, 5, limit=500)[0] / integrate.quad(weight, 0, 5, limit=500)[0]
    (found,) = shrink(np.array([difference]), np.array([[error**2]]), scale=scale)
    assert found.mean == pytest.approx(expected, rel=0.01)
    assert found.interval.low < found.mean < found.interval.high < difference + 2 * error


def test_noise_shrinks_more_than_what_is_well_known() -> None:
    noisy, known = shrink(np.array([0.02, 0.02]), np.diag([0.02**2, 0.002**2]), scale=0.01)
    assert noisy.mean < 0.6 * known.mean
    assert known.mean > 0.017


def test_the_best_of_twenty_worthless_sets_shrinks_to_nothing_worth_acting_on() -> None:
    chance = np.random.default_rng(1)
    best, left = [], []
    for _ in range(20):
        differences = chance.normal(0, 0.005, 20)
        found = shrink(differences, np.eye(20) * 0.005**2, scale=0.01)
        place = int(np.argmax(differences))
        best.append(differences[place])
        left.append(found[place].mean)
        assert 0.0 in found[place].interval
    assert np.mean(best) > 0.008
    assert np.mean(left) < 0.4 * np.mean(best)


def test_differences_from_one_reference_lean_on_each_other() -> None:
    error = 0.005
    shared = np.full((5, 5), error**2) + np.eye(5) * error**2
    # All five look better by as much: it is the reference that was unlucky.
    together = shrink(np.full(5, 0.01), shared, scale=0.01)
    apart = shrink(np.full(5, 0.01), np.eye(5) * 2 * error**2, scale=0.01)
    assert together[0].mean < apart[0].mean


def test_no_differences_are_no_estimates() -> None:
    assert shrink(np.zeros(0), np.zeros((0, 0)), scale=0.01) == []
