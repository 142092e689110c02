"""Rates are counted in advance, and are at every moment those of the orders themselves."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from linkage.adapters.postgres.ledger.ledger import send_batch
from linkage.contracts.signals import BotRecord, StoredSignal
from linkage.domain.facts import FactBatch, Window
from tests.support.events import NOW, SNAPSHOT_B, fill, native_id, order, our_key, signal
from tests.support.ledger import ToldLedger, a_bot, batch_of
from tests.support.seeds import seed

A, B, C = native_id(1), native_id(2), native_id(3)
KEY, OTHER_KEY = our_key(1), our_key(2)
OURS = a_bot("sighook", source="sighook", expects_signals="mixed")
LATER = Window(NOW - timedelta(hours=6), NOW + timedelta(hours=2))
WINDOWS = (
    (NOW - timedelta(hours=4), NOW + timedelta(hours=1)),
    (NOW - timedelta(minutes=7, seconds=11), NOW + timedelta(minutes=3)),
    (NOW, NOW + timedelta(minutes=5)),
    (NOW + timedelta(seconds=5), NOW + timedelta(seconds=6)),
)
PLAIN = """
SELECT coalesce(mode, 'unknown'), disposition, count(*), count(snapshot_id) FROM order_dispositions
WHERE executed AND order_time >= %s AND order_time < %s GROUP BY 1, 2
"""
COUNTED = "SELECT count(*) FROM rolled_rates WHERE facts_version = facts_for_rates() AND counts <> '[]'"

Told = Mapping[str, Any] | StoredSignal | BotRecord | FactBatch


def assert_same(told: ToldLedger) -> None:
    """Compare what is answered from the counts with what the orders say."""
    with psycopg.connect(told.database.server.dsn(database=told.database.name)) as connection:
        for window in WINDOWS:
            answered = connection.execute("SELECT * FROM linkage_rates(%s, %s)", window).fetchall()
            assert sorted(answered) == sorted(connection.execute(PLAIN, window).fetchall()), window


def counted(told: ToldLedger) -> int:
    """Return how many buckets with orders answer from their counts."""
    ((number,),) = told.database.rows(COUNTED)
    return int(number)


def at(minutes: float) -> str:
    return (NOW + timedelta(minutes=minutes)).isoformat()


def switched_off_before_everything() -> FactBatch:
    changed_at = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    return FactBatch(switches=[f'{{"enabled": false, "changed_at": "{changed_at}", "changed_by": "me"}}'])


def tell(told: ToldLedger, one: Told) -> None:
    if isinstance(one, FactBatch):
        told.ledger.record(one)
    else:
        told.tell(one)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([fill(A)], [fill(B, executed_at=at(0.1))], id="another order comes late"),
        pytest.param([fill(A)], [fill(A, "t0", executed_at=at(-12))], id="an earlier fill comes late"),
        pytest.param(
            [fill(A)],
            [batch_of(fill(A, "t0", executed_at=at(-12)))],
            id="an earlier fill comes late, and nobody resolves links",
        ),
        pytest.param(
            [fill(A)],
            [fill(A, "t2", kind="REVERSAL", refers_to="t1"), order(A, "cancelled")],
            id="all of it is undone",
        ),
        pytest.param([order(A, "open")], [fill(A)], id="what was open executes"),
        pytest.param([fill(A, client_order_id=KEY)], [signal(KEY)[1]], id="the lost signal comes"),
        pytest.param(
            [signal(KEY)[1], fill(A, client_order_id=KEY)],
            [order(B, "filled", client_order_id=KEY, created_at=at(-9), updated_at=at(-8))],
            id="its key turns out to be used before",
        ),
        pytest.param(
            [order(B, "filled", side="sell", parent_order_id=A)],
            [signal(KEY)[1], order(A, "filled", client_order_id=KEY, created_at=at(-30), updated_at=at(-30))],
            id="its parent is linked",
        ),
        pytest.param(
            [order(B, "filled", side="sell", parent_order_id=A)],
            [batch_of(order(A, "filled", client_order_id=KEY, created_at=at(-30), updated_at=at(-30)))],
            id="its parent has a key of ours, and nobody resolves links",
        ),
        pytest.param(
            [signal(KEY)[1], fill(A, client_order_id=KEY)],
            [signal(KEY, snapshot=SNAPSHOT_B, symbol="ETH-USD")[1]],
            id="a second signal has its key",
        ),
        pytest.param([fill(A)], [a_bot("grid1", mode="paper")], id="its account gets a bot"),
        pytest.param(
            [fill(A, client_order_id=KEY)], [switched_off_before_everything()], id="linking had been off"
        ),
    ],
)
def test_what_changes_later_is_in_the_rates_at_once(
    told: ToldLedger, before: list[Told], after: list[Told]
) -> None:
    told.tell(OURS)
    for one in before:
        tell(told, one)
    told.grow_older(16)
    told.ledger.maintain(LATER)
    counted_before = counted(told)
    told.tell(fill(C, executed_at=at(20)))
    assert_same(told)
    for one in after:
        tell(told, one)
        assert_same(told)
    told.grow_older(16)
    assert_same(told)
    told.ledger.maintain(LATER)
    assert_same(told)
    assert counted(told) > counted_before - 1
    assert counted(told) > 0


def test_counts_are_what_is_answered_and_not_only_kept(told: ToldLedger) -> None:
    told.tell(OURS, fill(A))
    told.ledger.maintain(LATER)
    assert counted(told) == 1
    told.database.rows("UPDATE rolled_rates SET counts = '[]' RETURNING 1")
    assert told.database.rows("SELECT * FROM linkage_rates(%s, %s)", *WINDOWS[0]) == []


def test_a_pending_order_is_not_counted_in_advance(told: ToldLedger) -> None:
    told.tell(OURS, fill(A, client_order_id=KEY))
    told.ledger.maintain(LATER)
    assert counted(told) == 0
    told.grow_older(16)
    assert_same(told)
    told.ledger.maintain(LATER)
    assert counted(told) == 1


def test_nothing_is_counted_while_a_recorder_may_hold_what_nobody_sees_yet(told: ToldLedger) -> None:
    told.tell(OURS, fill(A))
    with told.database.connect("recorder", autocommit=False) as slow:
        # It has written the order and found nothing to forget, and commits after the counting.
        send_batch(slow, batch_of(fill(B, executed_at=at(0.2))))
        told.ledger.maintain(LATER)
        assert counted(told) == 0
        slow.commit()
    assert_same(told)
    told.ledger.maintain(LATER)
    assert counted(told) == 1
    assert_same(told)


def test_counts_are_kept_for_five_weeks(told: ToldLedger) -> None:
    told.tell(OURS, fill(A))
    told.ledger.maintain(LATER)
    assert counted(told) == 1
    told.ledger.maintain(Window(LATER.start, LATER.end + timedelta(days=36)))
    assert counted(told) == 0
    assert_same(told)


def test_random_histories_have_the_rates_of_their_orders_at_every_moment(told: ToldLedger) -> None:
    chance = random.Random(seed(0))
    told.tell(OURS)
    keys = [our_key(number) for number in range(12)]
    steps: list[Callable[[], Told]] = [
        lambda: fill(
            native_id(chance.randrange(30)),
            f"t{chance.randrange(4)}",
            executed_at=at(chance.uniform(-240, 60)),
            quantity=str(chance.randrange(1, 4)),
        ),
        lambda: order(
            native_id(chance.randrange(30)),
            chance.choice(["open", "filled", "cancelled", "rejected"]),
            client_order_id=chance.choice([*keys, None]),
            parent_order_id=chance.choice([native_id(chance.randrange(30)), None, None]),
            created_at=at(moment := chance.uniform(-240, 60)),
            updated_at=at(moment + 1),
        ),
        lambda: signal(chance.choice(keys), signalled_at=NOW + timedelta(minutes=chance.uniform(-250, 50)))[
            1
        ],
        lambda: signal(chance.choice(keys), symbol=chance.choice(["BTC-USD", "ETH-USD"]))[1],
    ]
    most = 0
    for number in range(90):
        tell(told, chance.choice(steps)())
        assert_same(told)
        if number % 10 == 9:
            told.grow_older(16)
            told.ledger.maintain(LATER)
            assert_same(told)
            most = max(most, counted(told))
    assert most > 10
