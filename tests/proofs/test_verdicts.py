"""Verdicts between parameter sets: hardly ever a false one, and a true one in the end."""

from __future__ import annotations

import os
from collections.abc import Callable
from statistics import median

import pytest
from scipy.stats import binomtest

from linkage.inference.comparison import compare_records
from linkage.inference.rules import Rules
from tests.proofs.counting import tally
from tests.proofs.simulated_sets import (
    Ledger,
    better_arm,
    challengers,
    days_to_look,
    first_claim,
    one_after_the_other,
    twenty_arms,
)

LEDGERS = int(os.environ.get("LINKAGE_PROOF_LEDGERS", "40"))
"""How many ledgers of worthless sets are invented; the full size is 2,000."""

RULES = Rules()
WORTHLESS: tuple[Callable[[int], Ledger], ...] = (twenty_arms, challengers)


def test_of_twenty_worthless_sets_none_is_better_in_nineteen_ledgers_of_twenty() -> None:
    claims = [
        (make.__name__, seed)
        for seed in range(LEDGERS)
        for make in [WORTHLESS[seed % 2]]
        if first_claim(make(seed), RULES) is not None
    ]
    upper = binomtest(len(claims), LEDGERS).proportion_ci(0.9, method="exact").high
    print(f"{len(claims)} of {LEDGERS} ledgers claim 'better', upper 95 % bound {upper:.4f}")
    tally("verdicts", worthless_ledgers=LEDGERS, false_claims=len(claims))
    assert len(claims) <= 0.05 * LEDGERS, claims
    assert upper < 0.062 or LEDGERS < 500, claims


@pytest.mark.parametrize("make", WORTHLESS)
def test_intervals_made_for_one_look_would_claim_a_difference_in_most_of_these_ledgers(
    make: Callable[[int], Ledger],
) -> None:
    wrong = [seed for seed in range(6) if days_to_look(make(seed), RULES, fixed=1.96)]
    assert len(wrong) > 3


def test_sets_that_ran_one_after_the_other_cannot_be_told_from_the_market() -> None:
    for seed in range(max(2, LEDGERS // 100)):
        ledger = one_after_the_other(seed)
        found = compare_records(ledger.seen_on(199), reference="0", rules=RULES)
        assert {each.verdict for each in found} == {"cannot separate from the market"}
        assert len(found) == 19


def test_an_arm_that_is_better_by_one_per_cent_is_found() -> None:
    claims = [first_claim(better_arm(seed), RULES) for seed in range(max(12, LEDGERS // 10))]
    found = sorted(claim[1].n for claim in claims if claim is not None)
    print(f"{len(found)} of {len(claims)} found, after {median(found):.0f} episodes of the arm (median)")
    tally("verdicts", better_arms=len(claims), found=len(found))
    assert len(found) >= 0.95 * len(claims)
    assert 100 <= median(found) <= 1000
    for seed in range(3):
        reversed_ = better_arm(seed, difference=-0.01)
        assert compare_records(reversed_.seen_on(119), reference="0", rules=RULES)[0].verdict == "worse"


def test_the_days_that_are_looked_at_are_all_on_which_a_claim_is_made() -> None:
    for seed in range(3):
        ledger = better_arm(seed, days=40)
        claimed = {
            day
            for day in range(0, 40, 3)
            if compare_records(ledger.seen_on(day), reference="0", rules=RULES)[0].verdict == "better"
        }
        assert claimed
        assert claimed <= set(days_to_look(ledger, RULES))
