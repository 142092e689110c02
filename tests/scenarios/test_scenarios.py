"""What every build must get right: histories of bots, venues and faults, told through the real handlers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.scenarios.conftest import NewWorld
from tests.scenarios.world import Posted, World, families
from tests.support.crashes import POINTS, Crashes
from tests.support.events import SNAPSHOT_A, SNAPSHOT_B, fill, native_id, order, our_key, sqs_event
from tests.support.queue import EventSourceMapping, new_queue

O1, O2, O3 = native_id(1), native_id(2), native_id(3)
K1, K2 = our_key(1), our_key(2)
SNAPSHOT_C = UUID("22222222-2222-5333-8444-555555555555")
CUMULATIVE: dict[str, Any] = {
    "kind": "CUMULATIVE", "fill_id": None, "price": None, "quantity": None, "fee": None,
}  # fmt: skip
OLD_BOT_POST: dict[str, Any] = {
    "timestamp": 1795370400000, "pair": "AVNT-USD", "order_id": "2f200136-48c6-438c-855b-f4ef30e64cf8",
    "action": "buy", "order_type": "tp_sl", "order_amount_fiat": 20.0, "side": "buy", "limit_price": 0.4295,
    "origin": "SIGHOOK", "source": "Matrix", "trigger": {"trigger": "roc_momo"},
    "score": {"Buy Score": None, "Sell Score": None},
    "snapshot_id": str(SNAPSHOT_A), "verified": "valid", "take_profit": 0.4402375, "stop_loss": 0.42091,
}  # fmt: skip


@pytest.mark.parametrize("fills", [(0, 1), (1, 0)], ids=["in order", "reversed"])
def test_scenario_01_two_buys_five_seconds_apart_keep_their_own_snapshots(
    world: World, fills: tuple[int, int]
) -> None:
    world.signal(K1, snapshot_id=SNAPSHOT_A)
    world.signal(K2, snapshot_id=SNAPSHOT_B, signalled_at="2026-11-22T18:00:05Z")
    world.stream()
    events = [
        fill(O1, "t1", client_order_id=K1, executed_at="2026-11-22T18:00:06Z"),
        fill(O2, "t2", client_order_id=K2, executed_at="2026-11-22T18:00:07Z"),
    ]
    for number in fills:
        world.fills(events[number])
    assert world.links() == {O1: str(SNAPSHOT_A), O2: str(SNAPSHOT_B)}


def test_scenario_02_partial_fills_minutes_apart_are_one_order_with_one_link_and_the_right_sums(
    world: World,
) -> None:
    world.signal(K1, snapshot_id=SNAPSHOT_A)
    world.fills(order(O1, "open", client_order_id=K1, size="3"))
    for minute, (price, quantity) in enumerate([("100", "1"), ("101", "0.5"), ("102", "1.5")]):
        world.stream()
        world.fills(
            fill(
                O1, f"t{minute}", price=price, quantity=quantity, executed_at=f"2026-11-22T18:{minute:02}:00Z"
            )
        )
    placed = world.order(O1)
    assert (placed["filled_quantity"], placed["fee"], placed["status"]) == (3, 0.3, "filled")
    assert placed["average_price"] * 3 == pytest.approx(100 + 50.5 + 153)
    assert placed["order_time"] == "2026-11-22T18:00:00+00:00"
    assert world.links() == {O1: str(SNAPSHOT_A)}


@pytest.mark.parametrize("deleted", [False, True], ids=["item expired but present", "item deleted"])
def test_scenario_03_an_order_that_rests_for_two_days_or_for_two_months_is_linked(
    world: World, deleted: bool
) -> None:
    world.signal(K1, snapshot_id=SNAPSHOT_A)
    world.signal(K2, snapshot_id=SNAPSHOT_B)
    world.stream()
    world.clock.advance(timedelta(hours=48))
    world.fills(fill(O1, client_order_id=K1, executed_at="2026-11-24T18:00:00Z"))
    world.clock.advance(timedelta(days=60))
    if deleted:
        assert world.table.delete_expired(world.clock.now().timestamp()) >= 2
    world.fills(fill(O2, client_order_id=K2, executed_at="2027-01-23T18:00:00Z"))
    assert world.links() == {O1: str(SNAPSHOT_A), O2: str(SNAPSHOT_B)}


def test_scenario_04_after_a_refused_order_a_manual_one_on_the_symbol_is_external(world: World) -> None:
    world.signal(K1, snapshot_id=SNAPSHOT_A)
    world.stream()
    world.fills(order(O1, "rejected", client_order_id=K1))
    world.fills(order(O2, "filled", origin="manual"), fill(O2, "t2"))
    assert world.disposition(O2) == ("external", None)
    assert world.order(O1)["status"] == "rejected"
    assert O2 not in world.links()
    assert world.count("strategy_signals") == 1


def test_scenario_05_a_call_that_is_retried_five_times_makes_one_signal_and_one_order(world: World) -> None:
    assert [world.signal(K1, snapshot_id=SNAPSHOT_A) for _ in range(6)] == [200] * 6
    world.stream()
    for _ in range(6):
        world.fills(order(O1, "filled", client_order_id=K1), fill(O1, client_order_id=K1))
    assert (world.count("strategy_signals"), world.count("trade_records"), world.count("fills")) == (1, 1, 1)
    assert world.links() == {O1: str(SNAPSHOT_A)}


def test_scenario_06_a_batch_twice_and_in_reverse_gives_the_same_tables(new_world: NewWorld) -> None:
    batch = [
        order(O1, "open", client_order_id=K1, size="2"),
        [fill(O1, "t1", client_order_id=K1), fill(O2, "t1", client_order_id=K2, side="sell")],
        fill(O1, "t2"),
        order(O2, "filled", side="sell"),
    ]

    def tables(*batches: list[Any]) -> dict[str, list[str]]:
        world = new_world()
        world.signal(K1, snapshot_id=SNAPSHOT_A)
        world.signal(K2, snapshot_id=SNAPSHOT_B, side="sell")
        for events in batches:
            assert world.fills(*events) == []
            world.stream()
        assert len(world.links()) == 2
        return world.derived()

    once = tables(batch)
    assert tables(batch, batch, batch[::-1]) == once
    assert tables(batch[::-1], batch) == once
    assert tables(*[[event] for event in batch[::-1]]) == once


def test_a_message_that_comes_twice_is_one_receipt_and_another_message_is_another(world: World) -> None:
    def receipts() -> list[str]:
        return [each for (each,) in world.rows("SELECT message_id FROM fill_receipts ORDER BY 1")]

    event = sqs_event([fill(O1, "t1"), fill(O1, "t2")])
    world.record(event)
    world.record(event)
    assert receipts() == ["message-0", "message-0"]
    world.record(sqs_event({"type": "no event"}, fill(O1, "t1")))
    assert receipts() == ["message-0", "message-0", "message-1"]
    assert world.count("fills") == 2


def test_scenario_07_a_fill_before_its_signal_is_recorded_at_once_and_linked_when_that_comes(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.fills(fill(O1, client_order_id=K1))
    assert world.order(O1)["filled_quantity"] == 1
    assert world.disposition(O1) == ("pending", "no_signal")
    assert "No metadata cached" in caplog.messages
    world.signal(K1, snapshot_id=SNAPSHOT_A)
    world.stream()
    assert world.links() == {O1: str(SNAPSHOT_A)}
    assert "STRATEGY_LINK created" in caplog.messages


def test_scenario_07_a_fill_that_outruns_the_stream_is_linked_from_the_hot_store(world: World) -> None:
    world.signal(K1, snapshot_id=SNAPSHOT_A)
    world.fills(fill(O1, client_order_id=K1))
    assert world.links() == {O1: str(SNAPSHOT_A)}
    before = world.derived()
    world.stream()
    assert world.derived() == before


def test_scenario_08_a_fill_by_poll_and_by_stream_is_one_fill(world: World) -> None:
    for family in families(3):
        world.deliver(
            family.sequence,
            order(
                family.o1,
                "filled",
                client_order_id=family.k1,
                trigger="limit",
                origin="bot",
                ingest_via="poll",
            ),
            fill(family.o1, ingest_via="poll", price="100.0", origin="bot"),
            fill(family.o1, ingest_via="stream", price="100.00"),
        )
        placed = world.order(family.o1)
        assert (placed["fill_count"], placed["filled_quantity"]) == (1, 1), family
        told = (placed["trigger_type"], placed["origin"], placed["ingest_via"])
        assert told == ("limit", "bot", "stream"), family
    assert world.count("fills") == 6


def test_scenario_09_a_stop_that_the_venue_triggers_is_linked_through_its_parent_in_every_order(
    world: World,
) -> None:
    ends = []
    for family in families(4):
        child = {"side": "sell", "parent_order_id": family.o1}
        world.deliver(
            family.sequence,
            Posted(family.k1, SNAPSHOT_A),
            fill(family.o1, "t1", client_order_id=family.k1),
            order(family.o2, "filled", trigger="stop_loss", **child),
            fill(family.o2, "t2", executed_at="2026-11-22T19:00:00Z", **child),
        )
        assert world.link(family.o1)["snapshot_id"] == str(SNAPSHOT_A), family
        link = world.link(family.o2)
        assert (link["snapshot_id"], link["method"]) == (str(SNAPSHOT_A), "parent"), family
        assert world.order(family.o2)["trigger_type"] == "stop_loss", family
        ends.append(world.derived(family.names))
    assert ends == [ends[0]] * len(ends)


def test_scenario_10_from_a_to_b_to_a_are_two_snapshots_and_three_activations(world: World) -> None:
    for minute, snapshot in [(0, SNAPSHOT_A), (5, SNAPSHOT_B), (10, SNAPSHOT_A), (15, SNAPSHOT_A)]:
        world.run(snapshot, f"2026-11-22T18:{minute:02}:00Z")
    world.stream()
    assert world.count("strategy_snapshots") == 2
    activations = world.rows(
        "SELECT snapshot_id, activated_at = '2026-11-22T18:10Z', deactivated_at IS NULL"
        " FROM strategy_activations ORDER BY activated_at"
    )
    assert activations == [(SNAPSHOT_A, False, False), (SNAPSHOT_B, False, False), (SNAPSHOT_A, True, True)]


def test_scenario_11_two_runs_that_start_at_one_moment_make_one_activation(world: World) -> None:
    world.run(SNAPSHOT_A, "2026-11-22T18:00:00Z", run_id="b9a4d1c0-7c7a-5d55-8f0e-93d1d4f6c702")
    world.run(SNAPSHOT_A, "2026-11-22T18:00:00Z", run_id="b9a4d1c0-7c7a-5d55-8f0e-93d1d4f6c703")
    world.stream()
    assert world.count("strategy_activations") == 1


def test_scenario_12_a_manual_order_with_a_uuid_is_external_and_a_key_of_ours_without_signal_is_lost(
    world: World,
) -> None:
    world.fills(
        fill(O1, client_order_id="2f200136-48c6-438c-855b-f4ef30e64cf8"), fill(O2, client_order_id=K1)
    )
    assert world.disposition(O1) == ("external", None)
    assert world.disposition(O2) == ("pending", "no_signal")
    world.let_grace_pass()
    assert world.disposition(O1) == ("external", None)
    assert world.disposition(O2) == ("lost", "no_signal")


@pytest.mark.parametrize("changes", [{"side": "hold"}, {"side": None}, {"side": "close"}, {"side": 1}])
def test_scenario_16_an_unknown_side_is_refused_and_never_a_sell(
    world: World, changes: dict[str, Any]
) -> None:
    world.register("grid1", source="bottrader")
    assert world.signal(K1, **changes) == 422
    status, problem = world.post("/webhook", {**OLD_BOT_POST, **changes}, bot="grid1")
    assert (status, problem["field"]) == (422, "side")
    assert world.post("/webhook", {**OLD_BOT_POST, "action": "hodl"}, bot="grid1")[0] == 422
    world.stream()
    assert world.count("strategy_signals") == 0
    assert world.fills(fill(O1, **changes)) == []
    assert (world.count("quarantine"), world.count("trade_records")) == (1, 0)


@pytest.mark.parametrize("reverse", [False, True])
def test_scenario_17_an_order_cancelled_after_a_part_is_done_and_its_part_counts(
    world: World, reverse: bool
) -> None:
    world.signal(K1, snapshot_id=SNAPSHOT_A)
    events = [
        order(O1, "open", client_order_id=K1, size="2"),
        fill(O1, quantity="0.5"),
        order(O1, "cancelled", client_order_id=K1, size="2", updated_at="2026-11-22T18:10:00Z"),
    ]
    for event in reversed(events) if reverse else events:
        world.fills(event)
    placed = world.order(O1)
    assert (placed["status"], placed["filled_quantity"]) == ("done", 0.5)
    assert world.disposition(O1) == ("linked", None)


def test_scenario_18_cumulative_stream_and_incomplete_poll_are_counted_once_with_the_last_fee(
    world: World,
) -> None:
    for family in families(4):
        so_far = {**CUMULATIVE, "average_price": "101", "cumulative_quantity": "3"}
        world.deliver(
            family.sequence,
            fill(family.o1, "t1", quantity="1", fee="0.1"),
            fill(family.o1, **CUMULATIVE, cumulative_quantity="1", average_price="100", total_fees="0.1"),
            fill(family.o1, **so_far, total_fees="0.3", executed_at="2026-11-22T18:00:09Z"),
            fill(family.o1, **so_far, total_fees="0.25", executed_at="2026-11-22T18:00:10Z"),
        )
        placed = world.order(family.o1)
        totals = (placed["filled_quantity"], placed["average_price"], placed["fee"])
        assert totals == (3, 101, 0.25), family


def test_scenario_18_a_reversal_undoes_its_fill_also_when_it_comes_first(world: World) -> None:
    for family in families(3):
        world.deliver(
            family.sequence,
            fill(family.o1, "t1", quantity="1"),
            fill(family.o1, "t2", quantity="2"),
            fill(family.o1, "r1", quantity="1", kind="REVERSAL", refers_to="t1", fee="0"),
        )
        assert world.order(family.o1)["filled_quantity"] == 2, family


def test_scenario_19_while_the_table_cannot_be_reached_every_fill_is_recorded_and_linked_by_the_sweep(
    world: World,
) -> None:
    world.signal(K1, snapshot_id=SNAPSHOT_A)
    world.signal(K2, snapshot_id=SNAPSHOT_B)
    world.table.stream_event()  # the stream loses them
    world.cut_off_the_table()
    assert world.fills(fill(O1, client_order_id=K1), fill(O2, client_order_id=K2)) == []
    assert world.count("trade_records") == 2
    assert world.links() == {}
    assert world.sweep()["linked"] == 0
    world.mend_the_table()
    world.sweep()
    assert world.links() == {O1: str(SNAPSHOT_A), O2: str(SNAPSHOT_B)}


def test_scenario_20_with_linking_off_trades_are_recorded_as_disabled_and_link_when_it_is_on_again(
    world: World,
) -> None:
    world.turn_linking(False)
    world.stream()
    world.signal(K1, snapshot_id=SNAPSHOT_A)
    world.fills(fill(O1, client_order_id=K1))
    world.stream()
    assert world.count("trade_records") == 1
    assert world.links() == {}
    assert world.disposition(O1) == ("disabled", None)
    world.turn_linking(True)
    world.stream()
    assert world.links() == {O1: str(SNAPSHOT_A)}
    assert world.disposition(O1) == ("linked", None)
    world.fills(fill(O2, client_order_id=K2))
    assert world.disposition(O2) == ("pending", "no_signal")


def test_scenario_21_a_recorder_killed_between_its_steps_and_inside_them_ends_with_the_same_tables(
    new_world: NewWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = {"side": "sell", "parent_order_id": O1}
    events = [
        order(O1, "filled", client_order_id=K1),
        fill(O1, client_order_id=K1),
        order(O2, "filled", trigger="stop_loss", **child),
        fill(O2, "t2", **child),
    ]

    def tables(point: str) -> dict[str, list[str]]:
        world = new_world()
        queue = new_queue()
        for event in events:
            queue.send(json.dumps(event))
        # The stream is done with the signal: only what comes again can make a link that a crash prevented.
        world.signal(K1, snapshot_id=SNAPSHOT_A)
        world.stream()
        crashes = Crashes(lambda passed: passed == point and len(crashes.happened) < 3)
        with monkeypatch.context() as patched:
            crashes.install(patched)
            EventSourceMapping(queue, world.record, seed=1, batch_size=2).drain()
        assert len(crashes.happened) == (3 if point else 0)
        assert len(world.links()) == 2
        return world.derived()

    untouched = tables("")
    for point in POINTS:
        assert tables(point) == untouched, point


@pytest.mark.parametrize(
    ("scores", "stored"),
    [
        ({"buy_score": "2.50", "sell_score": "0"}, (2.5, 0)),
        ({"buy_score": None, "sell_score": "1.25"}, (None, 1.25)),
        ({"buy_score": None, "sell_score": None}, (None, None)),
        ({"buy_score": ..., "sell_score": ...}, (None, None)),
        ({"buy_score": 0, "sell_score": -0.0}, (0, 0)),
    ],
    ids=str,
)
def test_scenario_22_scores_are_stored_as_they_came_and_null_is_not_zero(
    world: World, scores: dict[str, Any], stored: tuple[float | None, float | None]
) -> None:
    world.signal(K1, snapshot_id=SNAPSHOT_A, **scores)
    world.stream()
    world.fills(fill(O1, client_order_id=K1))
    link = world.link(O1)
    assert (link["buy_score"], link["sell_score"]) == stored


def test_scenario_22_the_existing_bots_null_scores_stay_null(world: World) -> None:
    world.register("grid1", source="bottrader", expects_signals="yes")
    assert world.post("/webhook", OLD_BOT_POST, bot="grid1")[0] == 200
    world.stream()
    world.fills(fill(O1, client_order_id=OLD_BOT_POST["order_id"], symbol="AVNT-USD", bot_id="grid1"))
    link = world.link(O1)
    assert (link["buy_score"], link["sell_score"], link["trigger_type"]) == (None, None, "roc_momo")


def test_scenario_23_one_order_with_two_client_ids_has_the_same_link_in_either_order(world: World) -> None:
    ends = []
    for family in families(4):
        world.signal(family.k1, snapshot_id=SNAPSHOT_A)
        world.stream()
        replacing = {"replaces_order_id": family.o1, "size": "2"}
        world.deliver(
            family.sequence,
            order(family.o1, "cancelled", client_order_id=family.k1, size="2"),
            order(family.o2, "open", client_order_id="venue-made-1", **replacing),
            order(family.o2, "filled", client_order_id="venue-made-2", **replacing),
            fill(family.o2, quantity="2"),
        )
        assert world.link(family.o1)["method"] == "key", family
        link = world.link(family.o2)
        assert (link["snapshot_id"], link["method"]) == (str(SNAPSHOT_A), "replaced"), family
        assert world.order(family.o2)["client_order_id"] == "venue-made-1", family
        ends.append(world.derived(family.names))
    assert ends == [ends[0]] * len(ends)


@pytest.mark.parametrize("own_key_last", [False, True])
def test_scenario_24_a_child_with_its_own_key_and_a_parent_follows_its_own_key(
    world: World, own_key_last: bool
) -> None:
    world.signal(K1, snapshot_id=SNAPSHOT_A)
    world.signal(K2, snapshot_id=SNAPSHOT_B, side="sell")
    world.stream()
    child = {"side": "sell", "parent_order_id": O1}
    world.fills(fill(O1, "t1", client_order_id=K1))
    keyed = order(O2, "filled", client_order_id=K2, updated_at="2026-11-22T18:30:00Z", **child)
    if own_key_last:
        world.fills(order(O2, "open", **child), fill(O2, "t2", **child))
        assert world.links()[O2] == str(SNAPSHOT_A)
        world.fills(keyed)
        assert world.count("trade_strategy_link_history") == 1
    else:
        world.fills(keyed)
        world.fills(order(O2, "open", **child), fill(O2, "t2", **child))
        assert world.count("trade_strategy_link_history") == 0
    assert world.links() == {O1: str(SNAPSHOT_A), O2: str(SNAPSHOT_B)}
    assert world.link(O2)["method"] == "key"


def test_scenario_25_one_trade_id_on_two_symbols_and_on_both_sides_of_a_self_trade_is_kept_each_time(
    world: World,
) -> None:
    world.fills(
        fill("7", "t1", symbol="BTC-USD", quantity="1"),
        fill("7", "t1", symbol="ETH-USD", quantity="2"),
        fill(O1, "t9", side="buy", quantity="3"),
        fill(O2, "t9", side="sell", quantity="3"),
    )
    quantities = world.rows("SELECT filled_quantity FROM trade_records ORDER BY 1")
    assert [int(quantity) for (quantity,) in quantities] == [1, 2, 3, 3]
    assert world.count("fills") == 4


def test_scenario_26_a_foreign_key_used_again_is_refused_at_the_door_and_its_fill_is_a_conflict(
    world: World,
) -> None:
    world.register("grid1", expects_signals="yes")
    key = {"client_order_id": "entry-1", "bot_id": "grid1"}
    assert world.signal("entry-1", bot="grid1", snapshot_id=SNAPSHOT_A) == 200
    world.stream()
    world.fills(order(O1, "filled", **key), fill(O1, **key))
    again: dict[str, Any] = {"snapshot_id": SNAPSHOT_B, "signalled_at": "2026-11-22T20:00:00Z"}
    assert world.signal("entry-1", bot="grid1", **again) == 409
    world.stream()
    late = {"created_at": "2026-11-22T20:00:02Z", "updated_at": "2026-11-22T20:00:03Z"}
    world.fills(order(O2, "filled", **key, **late), fill(O2, "t2", executed_at="2026-11-22T20:00:03Z", **key))
    assert world.links() == {O1: str(SNAPSHOT_A)}
    assert world.disposition(O2) == ("conflict", "reused")


@pytest.mark.parametrize("named", [True, False], ids=["fills name their bot", "fills do not"])
def test_scenario_27_one_key_of_two_bots_links_each_to_its_own(world: World, named: bool) -> None:
    world.register("grid1", account="one")
    world.register("grid2", account="two")
    assert world.signal("entry-1", bot="grid1", snapshot_id=SNAPSHOT_A) == 200
    assert world.signal("entry-1", bot="grid2", snapshot_id=SNAPSHOT_B) == 200
    for streamed in (False, True):
        if streamed:
            world.stream()
        for order_id, bot, account in ((O1, "grid1", "one"), (O2, "grid2", "two")):
            event = fill(order_id, account=account, client_order_id="entry-1", bot_id=bot if named else None)
            world.fills(event)
        assert world.links() == {O1: str(SNAPSHOT_A), O2: str(SNAPSHOT_B)}


def test_scenario_28_an_expired_item_that_is_still_present_is_overwritten_and_archived(world: World) -> None:
    world.register("grid1", expects_signals="yes")
    assert world.signal("entry-1", bot="grid1", snapshot_id=SNAPSHOT_A) == 200
    world.stream()
    world.clock.advance(timedelta(days=46))
    later: dict[str, Any] = {"snapshot_id": SNAPSHOT_B, "signalled_at": world.clock.now()}
    assert world.signal("entry-1", bot="grid1", **later) == 200
    event = world.table.stream_event(peek=True)
    assert [record["eventName"] for record in event["Records"]] == ["MODIFY"]
    world.stream()
    assert world.count("strategy_signals") == 2


def test_scenario_29_an_order_without_a_key_of_a_bot_that_declares_signals_is_lost_and_lowers_the_rate(
    world: World,
) -> None:
    world.register("grid1", account="one", expects_signals="yes")
    world.signal("k", bot="grid1", snapshot_id=SNAPSHOT_A)
    world.stream()
    world.fills(fill(O1, account="one", client_order_id="k"), fill(O2, account="one"))
    assert world.disposition(O2) == ("pending", "no_key")
    world.let_grace_pass()
    assert world.disposition(O2) == ("lost", "no_key")
    assert world.disposition(O1) == ("linked", None)


def test_scenario_30_a_first_cumulative_record_of_ten_and_polls_of_four_are_ten(world: World) -> None:
    for family in families(3):
        world.deliver(
            family.sequence,
            fill(family.o1, **CUMULATIVE, cumulative_quantity="10", average_price="100", total_fees="1"),
            fill(family.o1, "t1", quantity="1", ingest_via="poll"),
            fill(family.o1, "t2", quantity="3", ingest_via="poll"),
        )
        assert world.order(family.o1)["filled_quantity"] == 10, family


# Beyond the list: what the acceptance of the product asks of the same parts.


def test_the_existing_bots_order_links_once_it_told_the_venues_id(world: World) -> None:
    world.register("grid1", source="bottrader", expects_signals="yes")
    assert world.post("/webhook", OLD_BOT_POST, bot="grid1")[0] == 200
    told = {
        "client_order_id": OLD_BOT_POST["order_id"], "order_id": O1, "venue": "coinbase", "account": "main",
        "symbol": "AVNT-USD", "side": "buy",
    }  # fmt: skip
    assert world.post("/v1/orders", told, bot="grid1")[0] == 202
    world.queued()
    world.fills(fill(O1, symbol="AVNT-USD"))
    assert world.links() == {O1: str(SNAPSHOT_A)}
    ((described,),) = world.rows("SELECT parameters IS NOT NULL FROM strategy_snapshots")
    assert not described


def test_a_poisonous_event_is_kept_aside_at_first_sight_and_its_neighbours_are_recorded(world: World) -> None:
    # A time that Python and PostgreSQL disagree on would fail the whole statement.
    good, bad = fill(O1), fill(O2, quantity="1" * 60, price="0." + "0" * 50 + "1")
    assert world.fills([good, bad], "{", fill(O3, executed_at="yesterday")) == []
    assert world.order(O1)["filled_quantity"] == 1
    reasons = [reason for (reason,) in world.rows("SELECT reason FROM quarantine")]
    assert len(reasons) >= 2


def test_a_sweep_archives_whatever_the_stream_lost_and_is_not_stopped_by_poison(world: World) -> None:
    world.signal(K1, snapshot_id=SNAPSHOT_A)
    world.run(SNAPSHOT_B, "2026-11-22T18:00:00Z")
    world.turn_linking(True)
    for body in ("{", "[]", "{}", '{"bot_id":"sighook","client_order_id":"x","meaning":"m","side":"hold"}'):
        world.store_poison(body)
    world.table.stream_event()  # the stream loses them all
    for archived in (3, 0):
        assert world.sweep()["archived"] == archived
    assert (world.count("strategy_signals"), world.count("strategy_runs")) == (1, 1)
    assert world.count("switch_intervals") == 1
    assert world.count("quarantine") == 4


def test_a_description_that_comes_after_the_link_fills_the_snapshot_in(world: World) -> None:
    world.register("grid1")
    world.signal("entry-1", bot="grid1", snapshot_id=SNAPSHOT_A)
    world.fills(fill(O1, client_order_id="entry-1", bot_id="grid1"))
    assert world.links() == {O1: str(SNAPSHOT_A)}
    body = {"snapshot_id": str(SNAPSHOT_A), "strategy": "matrix", "parameters": {"rsi_buy": 30}}
    assert world.post("/v1/snapshots", body, bot="grid1")[0] == 200
    world.stream()
    ((stored,),) = world.rows("SELECT parameters FROM strategy_snapshots")
    assert stored["rsi_buy"] in (30, "30")


def test_the_operators_two_queries_run_as_they_stand(world: World) -> None:
    world.signal(K1, snapshot_id=SNAPSHOT_A)
    world.fills(fill(O1, client_order_id=K1), fill(O2))
    rate = """
SELECT COUNT(*) AS total_trades, COUNT(tsl.order_id) AS linked_trades,
       ROUND(COUNT(tsl.order_id)::numeric / NULLIF(COUNT(*), 0) * 100, 1) AS linkage_pct
FROM trade_records tr LEFT JOIN trade_strategy_link tsl ON tr.order_id = tsl.order_id
WHERE tr.order_time >= NOW() - INTERVAL '6 hours' AND tr.status IN ('filled', 'done');
"""
    latest = """
SELECT tr.symbol, tr.side, tr.order_time, tsl.buy_score, tsl.sell_score, tsl.trigger_type,
       SUBSTRING(tsl.snapshot_id::text, 1, 8) AS snapshot_id
FROM trade_records tr INNER JOIN trade_strategy_link tsl ON tr.order_id = tsl.order_id
ORDER BY tr.order_time DESC LIMIT 5;
"""
    assert len(world.rows(rate)) == 1
    assert [row[-1] for row in world.rows(latest)] == [str(SNAPSHOT_A)[:8]]
