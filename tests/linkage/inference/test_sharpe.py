"""The probabilistic Sharpe ratio: raw kurtosis, and right where the two kurtoses differ."""

from __future__ import annotations

import os
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from linkage.inference.sharpe import has_enough_data, probabilistic_sharpe
from tests.proofs.counting import tally

SAMPLES = int(os.environ.get("LINKAGE_PROOF_SAMPLES", "4000"))


def test_it_is_the_published_formula_with_the_kurtosis_of_scipy() -> None:
    values = np.random.default_rng(1).standard_t(5, 150) * 0.02 + 0.004
    ratio = values.mean() / values.std(ddof=1)
    raw = stats.kurtosis(values, fisher=False)
    variance = (1 - stats.skew(values) * ratio + (raw - 1) / 4 * ratio**2) / (len(values) - 1)
    expected = stats.norm.cdf((ratio - 0.1) / sqrt(variance))
    assert probabilistic_sharpe(values, benchmark=0.1) == pytest.approx(expected, rel=1e-12)


def test_at_a_true_ratio_of_one_and_thirty_results_it_is_within_two_points_of_nominal() -> None:
    chance = np.random.default_rng(2)
    samples = chance.normal(1, 1, (SAMPLES, 30))
    found = np.array([probabilistic_sharpe(sample, benchmark=1.0) for sample in samples], dtype=float)
    assert not np.isnan(found).any()
    wrong = float((found > 0.95).mean())
    print(f"above 0.95 in {wrong:.3f} of {SAMPLES} samples; nominal 0.05")
    tally("coverage", sharpe_ratios=SAMPLES)
    assert wrong == pytest.approx(0.05, abs=0.02)


def test_with_excess_kurtosis_it_would_be_wrong_three_times_as_often_or_no_number() -> None:
    samples = np.random.default_rng(2).normal(1, 1, (4000, 30))
    ratios = samples.mean(axis=1) / samples.std(axis=1, ddof=1)
    excess = stats.kurtosis(samples, axis=1)
    variance = (1 - stats.skew(samples, axis=1) * ratios + (excess - 1) / 4 * ratios**2) / 29
    usable = variance > 0
    wrong = (stats.norm.cdf((ratios[usable] - 1) / np.sqrt(variance[usable])) > 0.95).mean()
    assert wrong > 0.12
    assert not usable.all()


def test_it_is_not_promised_from_few_results_or_few_losses() -> None:
    assert not has_enough_data(n_eff=99, losses=40)
    assert not has_enough_data(n_eff=500, losses=9)
    assert has_enough_data(n_eff=100, losses=10)


def test_results_that_do_not_vary_have_no_probability() -> None:
    assert probabilistic_sharpe([0.1]) is None
    assert probabilistic_sharpe([0.1] * 40) is None
