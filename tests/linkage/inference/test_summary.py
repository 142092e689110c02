"""Rows of performance tables: groups, what may be shown, and the line that the rest folds into."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from linkage.domain.performance import Observation, OpenPosition
from linkage.inference.rows import observation, open_position, score_bucket
from linkage.inference.rules import Rules
from linkage.inference.summary import UNNAMED, fold, summarise
from tests.linkage.domain.test_performance import closed
from tests.support.forty_trades import moment

START = datetime(2026, 1, 1, tzinfo=UTC)
AT = START + timedelta(days=100)


def many(count: int, *, seed: int = 1, loss_every: int = 3, **labels: str) -> list[Observation]:
    chance = np.random.default_rng(seed)
    found = []
    for number in range(count):
        opened = START + timedelta(hours=number)
        size = Decimal(f"{chance.uniform(0.5, 4):.4f}")
        pnl = -size if number % loss_every == 0 else size
        given = {"mode": "live", **labels}
        found.append(
            Observation(
                str(number), opened, opened + timedelta(minutes=30), pnl, Decimal(100), "USDT", labels=given
            )
        )
    return found


def test_each_group_is_a_row_with_its_metrics_and_how_sure_they_are() -> None:
    (row,) = summarise(many(150, snapshot="A"), by=("snapshot",), at=AT)
    assert (row.group, row.mode, row.currency, row.n_eff, row.standing) == (
        ("A",),
        "live",
        "USDT",
        150,
        "enough",
    )
    assert row.performance.wins == 100
    assert row.win_rate is not None
    assert 2 / 3 in row.win_rate
    assert row.per_unit is not None
    assert row.expectancy is not None
    assert row.per_unit.low == pytest.approx(row.expectancy.low / 100)
    assert row.sharpe_above_zero == pytest.approx(1, abs=0.05)
    # About 250 for one per cent at a deviation of four; these have a deviation of less than three.
    assert row.more_needed == 0
    assert summarise(many(40, snapshot="A"), by=(), at=AT)[0].more_needed > 30


def test_the_hand_written_ledger_says_too_little_by_set_and_folds_into_one_line() -> None:
    positions = [OpenPosition(moment(200), Decimal("5.796"), Decimal(204), "USDT", labels={"mode": "live"})]
    rows = summarise(closed() + closed("EUR"), by=("snapshot",), at=moment(260), open_positions=positions)
    assert [(row.currency, row.group, row.performance.n) for row in rows] == [
        ("EUR", ("A",), 1), ("USDT", ("A",), 12), ("USDT", ("B",), 3), ("USDT", (UNNAMED,), 0),
    ]  # fmt: skip
    assert all(row.standing == "insufficient data" and row.win_rate is None for row in rows)
    assert rows[2].performance.net_pnl == Decimal("14.4")
    shown, folded = fold(rows)
    assert shown == []
    assert [(one.currency, one.rows, one.n, one.net_pnl, one.n_open) for one in folded] == [
        ("EUR", 1, 1, Decimal("0.0819"), 0), ("USDT", 3, 15, Decimal("38.684"), 1),
    ]  # fmt: skip
    assert folded[1].open_pnl == Decimal("5.796")


def test_modes_and_currencies_are_never_added_up() -> None:
    paper = [replace(one, labels={"mode": "paper"}) for one in many(40)]
    euros = [replace(one, currency="EUR") for one in many(40)]
    rows = summarise([*many(40), *paper, *euros], by=(), at=AT)
    assert [(row.mode, row.currency, row.performance.n) for row in rows] == [
        ("live", "EUR", 40), ("live", "USDT", 40), ("paper", "USDT", 40),
    ]  # fmt: skip


def test_a_row_with_enough_episodes_is_shown_and_the_fewest_come_last() -> None:
    rows = summarise([*many(40, bot="x"), *many(160, bot="y"), *many(8, bot="z")], by=("bot",), at=AT)
    assert [row.group for row in rows] == [("y",), ("x",), ("z",)]
    shown, folded = fold(rows)
    assert [(row.group, row.standing) for row in shown] == [(("y",), "enough"), (("x",), "indicative")]
    assert [(one.rows, one.n) for one in folded] == [(1, 8)]


def test_only_open_positions_are_a_row_too() -> None:
    (row,) = summarise(
        [], by=("bot",), at=AT,
        open_positions=[OpenPosition(START, None, Decimal(5), "USDT", labels={"bot": "x", "mode": "live"})],
    )  # fmt: skip
    assert (row.group, row.currency, row.performance.n, row.open.n, row.open.unmarked) == (
        ("x",),
        "USDT",
        0,
        1,
        1,
    )
    assert row.more_needed == 252


def test_probabilities_of_sharpe_ratios_wait_for_a_hundred_episodes() -> None:
    (row,) = summarise(many(99), by=(), at=AT)
    assert row.standing == "indicative"
    assert row.sharpe_above_zero is None


def test_clusters_make_rows_less_sure() -> None:
    pairs = [replace(one, labels={"mode": "live", "symbol": symbol}) for one in many(60) for symbol in "ab"]
    (both,) = summarise(pairs, by=(), at=AT)
    (once,) = summarise(many(60), by=(), at=AT)
    assert (both.performance.n, both.n_eff) == (120, 60)
    assert both.win_rate == once.win_rate
    assert both.more_needed == pytest.approx(2 * once.more_needed, abs=2)
    assert summarise(pairs, by=(), at=AT, rules=Rules(min_effective=61))[0].standing == "insufficient data"


def test_rows_of_the_ledgers_views_become_observations() -> None:
    row = {
        "episode_id": "e",
        "opened_at": START,
        "closed_at": AT,
        "net_pnl": Decimal(2),
        "entry_value": Decimal(50),
        "quote_currency": "USDT",
        "initial_risk": Decimal(1),
        "bar_time": START,
        "propensity": Decimal("0.5"),
        "entry_delay": timedelta(seconds=3),
        "fees_complete": False,
        "mixed": True,
        "snapshot_id": 7,
        "mode": "live",
        "entry_trigger": None,
        "entry_score": Decimal("2.75"),
        "open_pnl": Decimal(-1),
    }
    found = observation(row)
    assert found.per_unit == Decimal("0.04")
    assert (found.risk, found.propensity, found.entry_bar) == (Decimal(1), Decimal("0.5"), START)
    assert (found.fees_complete, found.mixed, found.delay) == (False, True, timedelta(seconds=3))
    assert found.labels == {"snapshot": "7", "mode": "live", "score": "2.5 to 3", "hour": "00:00"}
    assert open_position(row).pnl_at_mark == Decimal(-1)


def test_score_buckets_are_half_open_below_zero_too() -> None:
    assert score_bucket(Decimal(3)) == "3 to 3.5"
    assert score_bucket(Decimal("2.99")) == "2.5 to 3"
    assert score_bucket(Decimal("-0.2")) == "-0.5 to 0"
    assert score_bucket(Decimal("-0.5")) == "-0.5 to 0"
    assert score_bucket(None) is None
