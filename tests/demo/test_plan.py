"""A plan is complete before anything is posted, and one seed gives one plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from demo.disorder import Deliveries
from demo.foreign import all_trades
from demo.foresight import DOCUMENTS, Deployment, Foreseen
from demo.market import prepare
from demo.plan import Plan, make_plan
from demo.sources import from_simulation
from demo.truth import StoredLink, compare, notebook, recompute_links
from linkage.adapters.markets.files import FileMarket
from linkage.contracts.events import EVENT, FillEvent
from linkage.domain.keys import is_ours
from strategies.matrix.strategy import MATRIX

NOW = datetime(2026, 11, 22, 19, 33, tzinfo=UTC)
BARS = 60


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    candles, source = from_simulation(7, bars=BARS)
    market = prepare(candles, tmp_path_factory.mktemp("demo") / "m", source=source, now=NOW, bars=BARS)
    return make_plan(market, Deployment(), seed=1)


class Queue:
    def __init__(self) -> None:
        self.bodies: list[str] = []

    def send(self, bodies: Sequence[str]) -> None:
        self.bodies += bodies


def stored(foreseen: Foreseen, key: str) -> StoredLink:
    decision = foreseen.decision
    return StoredLink(
        order_id=key,
        bot_id="sighook",
        order_key=key,
        parent_order_id=None,
        replaces_order_id=None,
        symbol=decision.symbol,
        side=decision.side,
        method="key",
        signal_key=key,
        snapshot_id=foreseen.snapshot_id,
        trigger=decision.trigger,
        buy_score=decision.buy_score,
        sell_score=decision.sell_score,
        signalled_at=decision.decided_at,
    )


def test_the_simulation_says_that_it_is_one(plan: Plan) -> None:
    assert plan.market.source == "simulation with seed 7: not a real market"


def test_half_way_the_parameters_change_and_with_them_the_snapshot(plan: Plan) -> None:
    assert list(Counter(plan.documents.values()).values()) == [BARS // 2, BARS // 2]
    snapshots = [MATRIX.snapshot(MATRIX.parse(text), symbols="*").snapshot_id for text in DOCUMENTS]
    assert {foreseen.snapshot_id for foreseen in plan.foreseen} == set(snapshots)
    for foreseen in plan.foreseen:
        assert foreseen.snapshot_id == snapshots[DOCUMENTS.index(plan.documents[foreseen.run])]


def test_keys_are_ours_and_the_withheld_one_is_no_other_decisions(plan: Plan) -> None:
    keys = [key for run in plan.keys().values() for key in run]
    assert all(is_ours(key) for key in [*keys, plan.withheld.client_order_id])
    assert len(set(keys)) == len(keys) == len(plan.foreseen) > 20
    assert plan.withheld.client_order_id not in keys


def test_what_is_foreseen_can_be_recomputed_from_its_snapshot(plan: Plan) -> None:
    snapshots: dict[UUID, Mapping[str, Any] | None] = {
        snapshot.snapshot_id: snapshot.parameters
        for snapshot in (MATRIX.snapshot(MATRIX.parse(text), symbols="*") for text in DOCUMENTS)
    }
    links = [stored(foreseen, foreseen.key(plan.deployment)) for foreseen in plan.foreseen[:10]]
    market = FileMarket(plan.market.folder)
    assert recompute_links(links, snapshots, market) == (10, [])
    swapped: dict[UUID, Mapping[str, Any] | None]
    swapped = dict(zip(snapshots, reversed(list(snapshots.values())), strict=True))
    same, different = recompute_links(links, swapped, market)
    assert same + len(different) == 10
    count, said = recompute_links(links, {}, market)
    assert count == 0
    assert "has no parameters" in said[0]


def test_an_exit_is_recomputed_as_its_entry_whose_own_order_never_traded(plan: Plan) -> None:
    entry = next(foreseen for foreseen in plan.foreseen if foreseen.decision.side == "buy")
    child = replace(stored(entry, entry.key(plan.deployment)), side="sell", method="parent", order_key=None)
    text = plan.documents[entry.run]
    parameters = MATRIX.snapshot(MATRIX.parse(text), symbols="*").parameters
    market = FileMarket(plan.market.folder)
    assert recompute_links([child], {entry.snapshot_id: parameters}, market) == (1, [])


def test_a_link_with_another_score_is_not_recomputed(plan: Plan) -> None:
    first = plan.foreseen[0]
    link = stored(first, first.key(plan.deployment))
    wrong = replace(link, sell_score=Decimal(99))
    parameters = MATRIX.snapshot(MATRIX.parse(DOCUMENTS[0]), symbols="*").parameters
    count, said = recompute_links([wrong], {first.snapshot_id: parameters}, FileMarket(plan.market.folder))
    assert count == 0
    assert "recomputed" in said[0]


def test_all_that_will_happen_is_in_the_notebook(plan: Plan, tmp_path: Path) -> None:
    with notebook(tmp_path / "truth.jsonl") as book:
        plan.note(book)
        assert set(book.decisions) == {
            *(foreseen.key(plan.deployment) for foreseen in plan.foreseen),
            plan.withheld.client_order_id,
        }
        trades = all_trades(plan.foreign)
        by_hand = [order for orders in plan.manual.values() for order in orders]
        assert set(book.orders) == {t.order_id for t in trades} | {order.order_id for order in by_hand}
        assert all(book.orders[order.order_id] is None for order in by_hand)
        wrong, missing = compare([stored(e, e.key(plan.deployment)) for e in plan.foreseen], book)
        assert wrong == []
        assert len(missing) == sum(trade.is_executed for trade in trades)


def test_orders_by_hand_have_no_key_of_ours_and_happen_before_now(plan: Plan) -> None:
    orders = [order for manual in plan.manual.values() for order in manual]
    own = [order for order in orders if order.account == "paper"]
    assert not any(is_ours(order.client_order_id) for order in orders)
    assert {order.client_order_id is None for order in own} == {True, False}
    events = [EVENT.validate_python(event) for order in orders for event in order.events()]
    assert all(event.executed_at < NOW for event in events if isinstance(event, FillEvent))


def test_deliveries_come_in_disorder_and_twice_and_completely(plan: Plan) -> None:
    queue = Queue()
    deliveries = Deliveries(queue, seed=1)
    events = [event for orders in plan.manual.values() for order in orders for event in order.events()]
    deliveries.add(events)
    deliveries.deliver()
    deliveries.deliver(all_of_them=True)
    assert deliveries.deliver(all_of_them=True) == 0
    texts = "".join(queue.bodies)
    assert texts.count('"schema"') == len(events) + deliveries.duplicates
    assert deliveries.duplicates > 0
    for event in events:
        assert event["order_id"] in texts
