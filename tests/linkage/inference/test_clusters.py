"""Clusters: what overlaps, what was entered together, and what that leaves of a sample."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from linkage.domain.performance import Observation
from linkage.inference.clusters import clusters, effective_number
from tests.linkage.domain.test_performance import closed

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def episode(opened: float, closed_: float, bar: float | None = None) -> Observation:
    return Observation(
        f"{opened}-{closed_}",
        NOON + timedelta(minutes=opened),
        NOON + timedelta(minutes=closed_),
        Decimal(1),
        Decimal(100),
        "USDT",
        entry_bar=None if bar is None else NOON + timedelta(minutes=bar),
    )


def test_the_hand_written_ledger_is_worth_six_and_a_half_observations() -> None:
    # By hand, from the minutes: {1, 9, 13}, {2, 10, 14}, {15, 3, 11}, {4, 12}, 5, 6, 7, 8.
    by_name = {one.episode_id: number for one, number in zip(closed(), clusters(closed()), strict=True)}
    groups = {frozenset(name for name, one in by_name.items() if one == number) for number in range(8)}
    assert groups == {
        frozenset(names.split())
        for names in ("1 9 13", "2 10 14", "15 3 11", "4 12", "5", "6", "7", "8")
    }  # fmt: skip
    # 15 squared, over 9 + 9 + 9 + 4 + 4.
    assert effective_number(clusters(closed())) == pytest.approx(225 / 35)


def test_a_chain_of_overlaps_is_one_cluster_and_touching_is_not_overlapping() -> None:
    assert clusters([episode(0, 10), episode(9, 20), episode(19, 30)]) == [0, 0, 0]
    assert clusters([episode(0, 10), episode(10, 20)]) == [0, 1]


def test_entries_of_one_bar_are_a_cluster_even_if_they_never_overlap() -> None:
    assert clusters([episode(1, 2, bar=0), episode(3, 4, bar=0), episode(6, 7, bar=5)]) == [0, 0, 1]
    # What lies between two entries of one bar belongs to them.
    assert clusters([episode(1, 2, bar=0), episode(2.2, 2.5), episode(3, 4, bar=0)]) == [0, 0, 0]
    assert clusters([episode(1, 1, bar=0), episode(1, 1, bar=0)]) == [0, 0]


def test_clusters_do_not_depend_on_the_order_of_episodes() -> None:
    episodes = [episode(0, 10), episode(30, 40), episode(9, 20), episode(50, 60)]
    assert clusters(episodes) == [0, 1, 0, 2]
    assert clusters(episodes[::-1]) == [2, 0, 1, 0]


def test_a_chain_without_end_is_cut_into_stretches_of_three_longest_positions() -> None:
    chain = [episode(8 * number, 8 * number + 10) for number in range(100)]
    # It opens over 792 minutes, and 26 stretches of at least 30 minutes fit into them.
    found = clusters(chain)
    assert found == sorted(found)
    assert len(set(found)) == 26
    assert len(set(clusters(chain[:7]))) == 1


def test_clusters_of_unequal_size_are_worth_less_than_their_number() -> None:
    assert effective_number([0, 1, 2, 3]) == 4
    assert effective_number([0, 0, 1, 1]) == 2
    assert effective_number([0] * 9 + [1]) == pytest.approx(100 / 82)
    assert effective_number([]) == 0
    assert clusters([]) == []
