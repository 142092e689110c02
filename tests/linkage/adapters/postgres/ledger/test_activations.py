"""Activations follow the set of runs, in whatever order and however often the runs arrive."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid5

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from linkage.contracts.signals import RunRecord
from linkage.domain.facts import FactBatch
from linkage.domain.snapshots import make_run_id
from tests.support.events import NOW, SNAPSHOT_A, SNAPSHOT_B
from tests.support.ledger import ToldLedger

_numbers = itertools.count(1)
_RUNS = st.tuples(
    st.integers(0, 6),
    st.sampled_from(("main", "other")),
    st.sampled_from((SNAPSHOT_A, SNAPSHOT_B)),
    st.sampled_from((None, ["main"], ["other"], ["main", "other"])),
    st.integers(0, 1),
)


def run(
    minutes: int,
    arm: str,
    snapshot: UUID,
    arms: list[str] | None = None,
    again: int = 0,
    *,
    strategy: str = "matrix",
) -> str:
    at = NOW + timedelta(minutes=minutes)
    return RunRecord(
        run_id=uuid5(make_run_id(strategy, at, arm), str(again)), bot_id="sighook", strategy=strategy,
        arm=arm, arms=arms, snapshot_id=snapshot, scheduled_at=at, started_at=at, duration_ms=5,
        symbols_seen=3, signals_sent=1,
    ).fact_text()  # fmt: skip


def activations(told: ToldLedger, source: str, strategy: str = "matrix") -> list[tuple[object, ...]]:
    return told.database.rows(
        "SELECT arm, extract(epoch FROM activated_at - %s)::integer / 60, snapshot_id,"
        f" extract(epoch FROM deactivated_at - %s)::integer / 60 FROM ({source}) a WHERE strategy = %s"
        " ORDER BY 1, 2",
        NOW,
        NOW,
        strategy,
    )


def stored(told: ToldLedger, strategy: str = "matrix") -> list[tuple[object, ...]]:
    return activations(told, "SELECT * FROM strategy_activations", strategy)


def tell(told: ToldLedger, *runs: str) -> None:
    told.ledger.record(FactBatch(runs=list(runs)))


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    # An example costs many round trips; shrinking one would take minutes.
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    runs=st.lists(_RUNS, min_size=1, max_size=12),
    cuts=st.lists(st.integers(1, 4), min_size=12, max_size=12),
)
def test_activations_are_the_same_as_when_computed_from_all_runs(
    told: ToldLedger, runs: Sequence[tuple[int, str, UUID, list[str] | None, int]], cuts: Sequence[int]
) -> None:
    strategy = f"strategy-{next(_numbers)}"
    records = [run(*one, strategy=strategy) for one in runs]
    for size in cuts:
        batch, records = records[:size], records[size:]
        if batch:
            tell(told, *batch)
            assert stored(told, strategy) == activations(told, "SELECT * FROM derived_activations", strategy)


def test_a_run_with_the_parameters_of_the_one_before_writes_no_activation(told: ToldLedger) -> None:
    tell(told, run(0, "main", SNAPSHOT_A, ["main"]))
    before = told.database.rows("SELECT xmin, ctid, * FROM strategy_activations")
    tell(told, run(5, "main", SNAPSHOT_A, ["main"]), run(10, "main", SNAPSHOT_A, ["main"]))
    assert told.database.rows("SELECT xmin, ctid, * FROM strategy_activations") == before


def test_an_arm_that_a_run_is_without_has_ended_and_may_come_back(told: ToldLedger) -> None:
    both = ["main", "other"]
    tell(told, run(0, "main", SNAPSHOT_A, both), run(0, "other", SNAPSHOT_B, both))
    tell(told, run(5, "main", SNAPSHOT_A, ["main"]))
    assert stored(told) == [("main", 0, SNAPSHOT_A, None), ("other", 0, SNAPSHOT_B, 5)]
    tell(told, run(10, "other", SNAPSHOT_B, both), run(10, "main", SNAPSHOT_A, both))
    assert stored(told) == [
        ("main", 0, SNAPSHOT_A, None), ("other", 0, SNAPSHOT_B, 5), ("other", 10, SNAPSHOT_B, None),
    ]  # fmt: skip


def test_a_run_that_does_not_say_which_arms_it_had_ends_no_other(told: ToldLedger) -> None:
    tell(told, run(0, "other", SNAPSHOT_B), run(5, "main", SNAPSHOT_A))
    assert stored(told) == [("main", 5, SNAPSHOT_A, None), ("other", 0, SNAPSHOT_B, None)]
