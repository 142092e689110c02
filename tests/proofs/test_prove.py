"""``make prove`` says what it tried, and fails when a promise is broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.proofs import prove
from tests.proofs.prove import PROOFS, ROOT, Proof, line, main, tried

TEST = """
from tests.proofs.counting import tally

def test_one():
    tally("small", tries=1_000, places=1)
    tally("another", tries=5)

def test_two():
    tally("small", tries=234)
    assert {holds}
"""


def small(folder: Path, *, holds: bool) -> Proof:
    file = folder / "test_small.py"
    file.write_text(TEST.format(holds=holds))
    return Proof("small", "It holds", (str(file), f"--rootdir={folder}"))


def test_the_counts_of_a_proof_are_added_up_and_stand_behind_its_promise(tmp_path: Path) -> None:
    result = replace(tried(small(tmp_path, holds=True)), seconds=61.2)
    assert line(result) == "holds   It holds: 1,234 tries, 1 places (61 s)"


def test_a_broken_promise_is_shown_with_its_output_and_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prove, "PROOFS", (small(tmp_path, holds=False),))
    assert main([]) == 1
    printed = capsys.readouterr().out
    assert "BROKEN  It holds" in printed
    assert "assert False" in printed
    assert "0 of 1 promises hold" in printed


def test_every_proof_has_a_name_of_its_own_and_tests_that_are_there() -> None:
    assert len({proof.name for proof in PROOFS}) == len(PROOFS)
    for proof in PROOFS:
        for test in proof.tests:
            assert (ROOT / test).exists(), test
        assert proof.tests or proof.module
