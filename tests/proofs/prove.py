"""Tries every promise at its full size and prints a line for each: ``make prove``.

``python -m tests.proofs.prove [NAME…]`` runs two proofs at a time and exits with 1 when one fails.

To add a proof: write a test that has a small size of its own and reads the full one from the environment, let
it call ``tests.proofs.counting.tally(NAME, things=…)`` at its end, and add a row to ``PROOFS`` under that
name. What several tests tell of one name is added up, and printed behind the promise.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.proofs.counting import VARIABLE

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 2
LEDGER_TESTS = "tests/linkage/adapters/postgres/ledger"


@dataclass(frozen=True, slots=True)
class Proof:
    """A promise, and the tests that try it; without tests, a module that does."""

    name: str
    promise: str
    tests: tuple[str, ...] = ()
    module: str = ""
    sizes: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> list[str]:
        """How it is run."""
        if self.module:
            return [sys.executable, "-m", self.module]
        return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *self.tests]


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a proof."""

    proof: Proof
    held: bool
    counts: Counter[str]
    seconds: float
    output: str


# The longest first: two run at a time.
PROOFS = (
    Proof(
        "random histories",
        "Exactly one link per order, and the right one, in random histories against an oracle",
        ("tests/proofs/test_histories.py",),
        sizes={"LINKAGE_PROOF_HISTORIES": "2000"},
    ),
    Proof(
        "bugs",
        "Every bug that is put into the code on purpose is noticed, and every scenario notices one",
        module="tests.proofs.mutants",
    ),
    Proof(
        "deliveries",
        "No fill lost, doubled or mislinked",
        ("tests/proofs/test_deliveries.py", "tests/proofs/test_queue_emulator.py"),
        sizes={"LINKAGE_PROOF_DELIVERIES": "50000"},
    ),
    Proof(
        "scenarios",
        "No answer depends on whether expired items are still present: the scenarios under three policies",
        ("tests/scenarios", "tests/linkage/adapters/dynamodb/test_signals.py"),
        sizes={"LINKAGE_PROOF_EXPIRY": "all"},
    ),
    Proof(
        "any facts",
        "The ledger is what all its facts say together, whatever they are and in whatever order they came",
        ("tests/proofs/test_any_facts.py",),
        sizes={"LINKAGE_PROOF_FACTS": "6000"},
    ),
    Proof(
        "invocations",
        "One effect, with a frozen and thawed invocation, a killed, hung or restarted database",
        ("tests/proofs/test_invocations.py", "tests/linkage/adapters/postgres/test_connection.py"),
        sizes={"LINKAGE_PROOF_DEADLINE": "5"},
    ),
    Proof(
        "call sites",
        "Every AWS call site under every kind of fault: no data lost, the right kind of retry",
        ("tests/proofs/test_call_sites.py",),
    ),
    Proof(
        "coverage",
        "The intervals that are shown hold the truth as often as they say",
        ("tests/proofs/test_coverage.py", "tests/linkage/inference/test_sharpe.py"),
        sizes={"LINKAGE_PROOF_ROWS": "1000", "LINKAGE_PROOF_SAMPLES": "20000"},
    ),
    Proof(
        "verdicts",
        "Between parameter sets that are equal, few differences are claimed; a real one is found",
        ("tests/proofs/test_verdicts.py",),
        sizes={"LINKAGE_PROOF_LEDGERS": "2000"},
    ),
    Proof(
        "permutations",
        "The same final tables for every permutation, with duplicates, of ten histories",
        (f"{LEDGER_TESTS}/test_permutations.py",),
    ),
    Proof(
        "trades",
        "Real trades, shuffled, doubled and cut into random batches, end as they do in order",
        ("tests/proofs/test_trades.py",),
        sizes={"LINKAGE_PROOF_TRADES": "10000"},
    ),
    Proof(
        "races",
        "Two recorders at the same instant miss nothing between them",
        (f"{LEDGER_TESTS}/test_concurrency.py",),
    ),
    Proof(
        "tee",
        "A receiver behind the tee gets an order once under concurrent repeats, time-outs and slow answers",
        ("tests/functions/webhook/test_tee.py", "tests/functions/webhook/test_forwarding.py"),
    ),
    Proof(
        "batch outcomes",
        "The failures a batch reports are exactly those that failed",
        ("tests/functions/recorder/test_handler.py",),
    ),
)


def tried(proof: Proof) -> Tried:
    """Run a proof."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "counts"
        environment = os.environ | proof.sizes | {VARIABLE: str(told)}
        begin = time.monotonic()
        done = subprocess.run(
            proof.command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - begin
        counts: Counter[str] = Counter()
        for line in told.read_text().splitlines() if told.exists() else ():
            one = json.loads(line)
            if one.pop("promise") == proof.name:
                counts.update(one)
    return Tried(proof, done.returncode == 0, counts, seconds, done.stdout)


def line(result: Tried) -> str:
    """Return what is printed of a proof."""
    counted = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in result.counts.items())
    word = "holds " if result.held else "BROKEN"
    return f"{word}  {result.proof.promise}: {counted or 'nothing counted'} ({result.seconds:.0f} s)"


def main(names: list[str]) -> int:
    """Try every promise, or those named; return 1 when one is broken."""
    chosen = [proof for proof in PROOFS if not names or proof.name in names]
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit}, Python {platform.python_version()}")
    begin, broken = time.monotonic(), []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in as_completed([pool.submit(tried, proof) for proof in chosen]):
            result = done.result()
            print(line(result), flush=True)
            if not result.held:
                broken.append(result)
    for result in broken:
        print(f"\n{result.proof.name}\n{result.output[-6000:]}")
    held = len(chosen) - len(broken)
    print(f"{held} of {len(chosen)} promises hold ({(time.monotonic() - begin) / 60:.0f} minutes)")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
