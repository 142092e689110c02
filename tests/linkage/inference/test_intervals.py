"""Intervals and sample sizes against independent references."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from linkage.inference.intervals import mean_interval, needed_for_means, wilson
from linkage.inference.rules import Interval, Rules


@pytest.mark.parametrize(("part", "whole"), [(0, 12), (3, 11), (11, 14), (55, 100), (100, 100)])
def test_wilsons_interval_is_the_one_of_scipy(part: int, whole: int) -> None:
    found = wilson(part, whole)
    reference = stats.binomtest(part, whole).proportion_ci(0.95, method="wilson")
    assert found is not None
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_of_nothing_there_is_no_interval() -> None:
    assert wilson(0, 0) is None
    assert mean_interval([], []) is None
    assert mean_interval([1.0], [0]) is None
    assert mean_interval([1.0, 2.0, 3.0], [4, 4, 4]) is None
    assert mean_interval([2.0] * 50, list(range(50))) is None


def test_on_symmetric_results_the_bootstrap_agrees_with_students_t() -> None:
    values = np.random.default_rng(3).normal(0.01, 0.04, 80)
    found = mean_interval(values, range(80))
    reference = stats.t.interval(0.95, 79, loc=values.mean(), scale=stats.sem(values))
    assert found is not None
    assert (found.low, found.high) == pytest.approx(reference, abs=0.0008)


def test_clusters_of_copies_are_as_wide_as_one_of_each() -> None:
    values = np.random.default_rng(4).normal(0, 1, 50)
    once = mean_interval(values, range(50))
    thrice = mean_interval(np.repeat(values, 3), np.repeat(np.arange(50), 3))
    naive = mean_interval(np.repeat(values, 3), range(150))
    assert once is not None
    assert thrice is not None
    assert naive is not None
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high))
    assert naive.high - naive.low < 0.65 * (once.high - once.low)


def test_rare_large_losses_make_the_interval_wider_than_their_deviation_alone() -> None:
    values = np.array([1.0] * 140 + [-19.0] * 10)
    found = mean_interval(values, range(150))
    assert found is not None
    assert (found.high - found.low) / 2 > 1.05 * 1.96 * stats.sem(values)


def test_an_interval_is_the_same_whenever_it_is_asked_for() -> None:
    values = np.random.default_rng(5).normal(0, 1, 40)
    assert mean_interval(values, range(40)) == mean_interval(values, range(40))


def test_more_episodes_than_are_worth_resampling_are_still_covered() -> None:
    values = np.random.default_rng(6).normal(0, 1, 1500)
    found = mean_interval(values, range(1500))
    assert found is not None
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * stats.sem(values), rel=1e-3)


def test_the_sample_size_is_that_of_the_text_books() -> None:
    assert needed_for_means(0.01, 0.04) == 252
    # A simulation of it: so many of each find the difference in four of five.
    chance = np.random.default_rng(7)
    sides = chance.normal(0, 0.04, (2, 4000, 252))
    sides[1] += 0.01
    found = stats.ttest_ind(sides[1], sides[0], axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.02)


def test_a_row_says_nothing_before_it_has_ten_wins_ten_losses_and_thirty_observations() -> None:
    rules = Rules()
    assert rules.standing(wins=9, losses=60, n_eff=69) == "insufficient data"
    assert rules.standing(wins=60, losses=9, n_eff=69) == "insufficient data"
    assert rules.standing(wins=20, losses=20, n_eff=29.9) == "insufficient data"
    assert rules.standing(wins=10, losses=20, n_eff=30) == "indicative"
    assert rules.standing(wins=60, losses=60, n_eff=99.9) == "indicative"
    assert rules.standing(wins=60, losses=60, n_eff=100) == "enough"


def test_a_lopsided_row_says_nothing_before_it_has_two_hundred_observations() -> None:
    rules = Rules()
    assert rules.standing(wins=185, losses=14, n_eff=199) == "insufficient data"
    assert rules.standing(wins=14, losses=185, n_eff=199) == "insufficient data"
    assert rules.standing(wins=186, losses=14, n_eff=200) == "enough"
    assert rules.standing(wins=40, losses=10, n_eff=50) == "indicative"


def test_an_interval_holds_its_ends() -> None:
    assert 1.0 in Interval(1.0, 2.0)
    assert 2.0 in Interval(1.0, 2.0)
    assert 2.1 not in Interval(1.0, 2.0)
