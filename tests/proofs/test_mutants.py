"""The list of bugs still fits the code that it breaks; ``make prove`` shows that each is noticed."""

from __future__ import annotations

import pytest

from tests.proofs.mutants import MUTANTS, ROOT, Mutant, applied


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_bug_can_be_put_into_the_code_as_it_is_now(mutant: Mutant) -> None:
    sound = (ROOT / mutant.file).read_text()
    assert applied(mutant, sound) != sound


def test_there_are_at_least_fifteen_bugs_with_names_of_their_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 15
