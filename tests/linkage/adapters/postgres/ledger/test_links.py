"""A link is a function of keys and signals, and follows them."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from linkage.adapters.postgres.connection import connect
from linkage.adapters.postgres.read.verify import verify
from linkage.domain.facts import SignalKey
from linkage.domain.ids import BotId, ClientOrderId
from linkage.runtime.settings import DatabaseSettings
from tests.support.events import NOW, SNAPSHOT_A, SNAPSHOT_B, fill, native_id, order, our_key, signal
from tests.support.ledger import ToldLedger, a_bot, batch_of

A, B, C = native_id(1), native_id(2), native_id(3)
KEY, SIGNAL = our_key(1), signal(our_key(1))[1]


def assert_holds(told: ToldLedger) -> None:
    """Check all invariants of the ledger."""
    with connect(DatabaseSettings(**told.database.settings("reader"))) as connection:
        assert [check for check in verify(connection) if not check.holds] == []


def test_a_fill_links_to_the_snapshot_that_its_signal_carried(told: ToldLedger) -> None:
    told.tell(SIGNAL)
    resolved = told.tell(fill(A, client_order_id=KEY))
    (made,) = resolved.made
    assert (made.client_order_id, made.snapshot_id, made.method, made.relinked) == (
        KEY, SNAPSHOT_A, "key", False,
    )  # fmt: skip
    link = told.link(A)
    assert link is not None
    assert (link["buy_score"], link["trigger_type"], link["bot_id"]) == (2.5, "roc_momo", "sighook")
    assert told.disposition(A) == ("linked", None)
    assert_holds(told)


def test_a_signal_that_comes_after_its_fill_links_it(told: ToldLedger) -> None:
    missing = told.tell(fill(A, client_order_id=KEY)).missing
    assert [(each.order_id, each.lookups) for each in missing] == [
        (A, (SignalKey(BotId("sighook"), ClientOrderId(KEY)),))
    ]
    assert told.link(A) is None
    assert [made.order_id for made in told.tell(SIGNAL).made] == [A]


def test_linking_twice_makes_one_link_and_says_nothing_the_second_time(told: ToldLedger) -> None:
    told.tell(SIGNAL, fill(A, client_order_id=KEY))
    again = told.tell(SIGNAL, fill(A, client_order_id=KEY))
    assert (again.made, again.removed, again.missing, again.conflicts) == ([], [], [], [])


def test_a_fill_that_knows_only_the_venues_order_id_links_through_the_order_event(told: ToldLedger) -> None:
    told.tell(a_bot("grid1"), signal("entry-1", bot="grid1")[1])
    told.tell(fill(A))
    assert told.link(A) is None
    told.tell(order(A, client_order_id="entry-1", bot_id="grid1"))
    assert told.link(A) is not None


def test_missing_scores_stay_missing(told: ToldLedger) -> None:
    told.tell(signal(KEY, buy_score=None, sell_score="0")[1], fill(A, client_order_id=KEY))
    link = told.link(A)
    assert link is not None
    assert (link["buy_score"], link["sell_score"]) == (None, 0)


@pytest.mark.parametrize(("field", "value"), [("symbol", "ETH-USD"), ("side", "sell")])
def test_a_key_whose_symbol_or_side_differs_is_a_conflict_and_no_link(
    told: ToldLedger, field: str, value: str
) -> None:
    told.tell(SIGNAL)
    resolved = told.tell(fill(A, client_order_id=KEY, **{field: value}))
    assert (list(resolved.conflicts), told.link(A)) == ([A], None)
    assert told.disposition(A) == ("conflict", field)
    assert_holds(told)


def test_a_key_used_again_after_its_order_ended_is_a_conflict(told: ToldLedger) -> None:
    told.tell(a_bot("grid1"), signal("entry-1", bot="grid1")[1])
    told.tell(
        order(A, "filled", client_order_id="entry-1", updated_at="2026-11-22T18:01:00Z"),
        fill(A, client_order_id="entry-1"),
    )
    assert told.disposition(A) == ("linked", None)
    told.tell(
        order(
            B, "filled", client_order_id="entry-1",
            created_at="2026-11-22T19:00:00Z", updated_at="2026-11-22T19:00:01Z",
        )
    )  # fmt: skip
    assert told.disposition(B) == ("conflict", "reused")
    assert told.disposition(A) == ("linked", None)
    assert_holds(told)


def test_a_later_order_loses_its_link_when_the_earlier_one_turns_out_to_have_ended(told: ToldLedger) -> None:
    told.tell(SIGNAL, order(B, "filled", client_order_id=KEY, created_at="2026-11-22T19:00:00Z",
                            updated_at="2026-11-22T19:00:05Z"))  # fmt: skip
    assert told.disposition(B) == ("linked", None)
    resolved = told.tell(
        order(A, "filled", client_order_id=KEY, created_at="2026-11-22T18:00:01Z",
              updated_at="2026-11-22T18:00:02Z")
    )  # fmt: skip
    assert list(resolved.removed) == [B]
    assert told.disposition(B) == ("conflict", "reused")
    assert told.database.rows("SELECT order_id, next_snapshot_id FROM trade_strategy_link_history") == [
        (B, None)
    ]
    assert_holds(told)


def test_a_key_told_again_after_its_expiry_is_the_new_orders_signal(told: ToldLedger) -> None:
    told.tell(a_bot("grid1"), signal("entry-1", bot="grid1")[1])
    told.tell(order(A, "filled", client_order_id="entry-1"))
    later = NOW + timedelta(days=50)
    told.tell(signal("entry-1", bot="grid1", snapshot=SNAPSHOT_B, signalled_at=later)[1])
    told.tell(
        order(B, "filled", client_order_id="entry-1", created_at=(later + timedelta(seconds=1)).isoformat(),
              updated_at=(later + timedelta(seconds=2)).isoformat())
    )  # fmt: skip
    links = {row["order_id"]: row["snapshot_id"] for row in (told.link(A), told.link(B)) if row}
    assert links == {A: SNAPSHOT_A, B: SNAPSHOT_B}
    assert_holds(told)


def test_a_signal_decided_days_after_an_order_was_placed_is_that_of_a_later_order(told: ToldLedger) -> None:
    told.tell(a_bot("grid1"), order(A, "filled", client_order_id="entry-1"))
    later = NOW + timedelta(days=50)
    told.tell(signal("entry-1", bot="grid1", signalled_at=later)[1])
    assert told.link(A) is None
    told.tell(order(B, "filled", client_order_id="entry-1", created_at=later.isoformat()))
    assert told.disposition(B) == ("linked", None)
    assert told.link(A) is None
    assert_holds(told)


def test_an_order_that_gets_another_key_gives_the_one_it_had_free(told: ToldLedger) -> None:
    told.tell(a_bot("grid1"), signal("entry-1", bot="grid1")[1])
    told.tell(order(A, "filled", client_order_id="entry-1"))
    told.tell(
        order(
            B, "filled", client_order_id="entry-1",
            created_at="2026-11-22T19:00:00Z", updated_at="2026-11-22T19:00:01Z",
        )
    )  # fmt: skip
    assert told.disposition(B) == ("conflict", "reused")
    told.tell(order(A, client_order_id="entry-0", updated_at="2026-11-22T18:00:02Z"))
    assert told.disposition(B) == ("linked", None)
    assert_holds(told)


def test_two_signals_that_fit_are_a_conflict(told: ToldLedger) -> None:
    told.tell(a_bot("grid1"), a_bot("grid2"))
    told.tell(signal("entry-1", bot="grid1")[1], signal("entry-1", bot="grid2", snapshot=SNAPSHOT_B)[1])
    told.tell(fill(A, client_order_id="entry-1"))
    assert told.disposition(A) == ("conflict", "ambiguous")
    told.tell(order(A, "filled", bot_id="grid2"))
    link = told.link(A)
    assert link is not None
    assert (link["bot_id"], link["snapshot_id"]) == ("grid2", SNAPSHOT_B)


def test_two_bots_with_one_key_on_two_accounts_have_each_their_own(told: ToldLedger) -> None:
    told.tell(a_bot("grid1"), a_bot("grid2", account="second"))
    told.tell(signal("entry-1", bot="grid1")[1], signal("entry-1", bot="grid2", snapshot=SNAPSHOT_B)[1])
    told.tell(fill(A, client_order_id="entry-1"), fill(B, client_order_id="entry-1", account="second"))
    links = {row["order_id"]: row["snapshot_id"] for row in (told.link(A), told.link(B)) if row}
    assert links == {A: SNAPSHOT_A, B: SNAPSHOT_B}


def test_a_key_of_our_form_is_nobody_elses(told: ToldLedger) -> None:
    told.tell(a_bot("grid1"), SIGNAL)
    told.tell(order(A, "filled", client_order_id=KEY, bot_id="grid1"))
    link = told.link(A)
    assert link is not None
    assert link["bot_id"] == "sighook"


def test_a_bot_that_becomes_known_links_the_orders_of_its_account(told: ToldLedger) -> None:
    told.tell(signal("entry-1", bot="grid1")[1], fill(A, client_order_id="entry-1"))
    assert told.link(A) is None
    told.tell(a_bot("grid1"))
    assert told.link(A) is not None


def test_a_bot_that_changes_on_its_account_touches_no_order_again(told: ToldLedger) -> None:
    told.tell(a_bot("grid1"), signal("entry-1", bot="grid1")[1], fill(A, client_order_id="entry-1"))
    changed = a_bot("grid1", mode="paper", updated_at="2026-02-01T00:00:00Z")
    assert not told.ledger.record(batch_of(changed)).touched
    moved = a_bot("grid1", account="second", updated_at="2026-03-01T00:00:00Z")
    for _ in ("delivery", "redelivery"):
        assert told.ledger.record(batch_of(moved)).touched


def test_a_child_without_a_key_links_through_its_parent_with_its_own_trigger(told: ToldLedger) -> None:
    told.tell(SIGNAL, order(A, "filled", client_order_id=KEY))
    told.tell(order(B, "filled", side="sell", parent_order_id=A, trigger="stop_loss"))
    link = told.link(B)
    assert link is not None
    assert (link["method"], link["snapshot_id"], link["trigger_type"]) == ("parent", SNAPSHOT_A, "stop_loss")
    assert told.order(B)["trigger_type"] == "stop_loss"
    assert_holds(told)


def test_a_parent_named_by_a_fill_alone_waits_for_the_childs_own_event(told: ToldLedger) -> None:
    told.tell(SIGNAL, order(A, "filled", client_order_id=KEY))
    told.tell(fill(B, side="sell", parent_order_id=A))
    assert told.link(B) is None
    told.tell(order(B, "filled", side="sell"))
    assert told.link(B) is not None


def test_a_childs_own_key_wins_also_when_its_signal_comes_last(told: ToldLedger) -> None:
    own = our_key(2, side="sell")
    told.tell(SIGNAL, order(A, "filled", client_order_id=KEY))
    told.tell(order(B, "filled", side="sell", parent_order_id=A, client_order_id=own, trigger="stop_loss"))
    assert (told.link(B) or {})["method"] == "parent"
    (made,) = told.tell(signal(own, side="sell", snapshot=SNAPSHOT_B)[1]).made
    assert (made.relinked, made.snapshot_changed, made.method) == (True, True, "key")
    assert told.database.rows(
        "SELECT snapshot_id, next_snapshot_id, method FROM trade_strategy_link_history"
    ) == [(SNAPSHOT_A, SNAPSHOT_B, "parent")]
    assert told.order(B)["trigger_type"] == "roc_momo"
    assert_holds(told)


def test_a_replaced_order_follows_the_chain(told: ToldLedger) -> None:
    chain = [native_id(10 + number) for number in range(6)]
    told.tell(order(chain[0], "cancelled", client_order_id=KEY))
    for before, after in pairwise(chain):
        told.tell(order(after, "filled", replaces_order_id=before, client_order_id="venue-made"))
    assert told.link(chain[5]) is None
    told.tell(SIGNAL)
    assert {(told.link(each) or {})["method"] for each in chain[1:]} == {"replaced"}
    assert_holds(told)


@pytest.mark.parametrize(("relation", "method"), [("replaces", "replaced"), ("parent", "parent")])
def test_a_chain_is_followed_however_long_it_is(told: ToldLedger, relation: str, method: str) -> None:
    chain = [native_id(10 + number) for number in range(100)]
    told.tell(SIGNAL, order(chain[0], "filled", client_order_id=KEY))
    told.tell(
        *[order(after, "filled", **{f"{relation}_order_id": before}) for before, after in pairwise(chain)]
    )
    assert [(told.link(each) or {})["method"] for each in (chain[1], chain[-1])] == [method, method]


def test_stops_that_replace_each_other_link_through_the_parent_of_any(told: ToldLedger) -> None:
    chain = [native_id(10 + number) for number in range(40)]
    told.tell(order(chain[0], side="sell", parent_order_id=A))
    told.tell(
        *[
            order(after, side="sell", replaces_order_id=before, parent_order_id=B)
            for before, after in pairwise(chain)
        ]
    )
    told.tell(SIGNAL, order(A, "filled", client_order_id=KEY))
    assert [(told.link(each) or {})["method"] for each in chain] == ["parent"] * 40
    assert_holds(told)


def test_a_chain_that_bites_its_tail_ends(told: ToldLedger) -> None:
    told.tell(
        order(A, replaces_order_id=B, parent_order_id=C),
        order(B, replaces_order_id=C, parent_order_id=A),
        order(C, replaces_order_id=A, parent_order_id=B, client_order_id=KEY),
    )
    told.tell(SIGNAL)
    assert {(told.link(each) or {})["client_order_id"] for each in (A, B, C)} == {KEY}


def test_a_signal_without_a_snapshot_makes_no_link(told: ToldLedger) -> None:
    told.tell(signal(KEY, snapshot=None)[1], fill(A, client_order_id=KEY))
    assert told.link(A) is None
    assert told.disposition(A) == ("pending", "no_snapshot")


def test_a_snapshot_that_nobody_described_has_a_row_without_parameters(told: ToldLedger) -> None:
    told.tell(SIGNAL)
    assert told.database.rows("SELECT snapshot_id, parameters FROM strategy_snapshots") == [
        (SNAPSHOT_A, None)
    ]


def test_test_orders_have_status_test_also_when_only_their_signal_says_so(told: ToldLedger) -> None:
    told.tell(signal(KEY, origin="test")[1], fill(A, client_order_id=KEY))
    assert told.order(A)["status"] == "test"
    assert told.disposition(A) == (None, None)
    assert_holds(told)
