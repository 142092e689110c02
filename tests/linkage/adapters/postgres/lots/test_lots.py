from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest

from linkage.adapters.postgres.connection import connect
from linkage.adapters.postgres.lots import matching
from linkage.adapters.postgres.read.verify import LOTS, verify
from linkage.domain.lots import Matched
from linkage.domain.matching import match
from linkage.runtime.settings import DatabaseSettings
from tests.support.events import NOW, SNAPSHOT_B, native_id, order, our_key, signal
from tests.support.ledger import LedgerDatabase, a_bot
from tests.support.lots import TABLES, LotsLedger, trade

D = Decimal


@pytest.fixture
def ledger(ledger_database: LedgerDatabase) -> Iterator[LotsLedger]:
    lots = LotsLedger(ledger_database)
    yield lots
    lots.close()


A, B, C = native_id(1), native_id(2), native_id(3)
OF_BOOK = (
    "owner, venue, account, symbol, position_side, quantity_unit, base_currency, quote_currency,"
    " last_executed_at, last_price, average_cash"
)
BOOK = "grid/coinbase/main/BTC-USD/long"


def test_a_round_trip_becomes_a_lot_and_an_episode(ledger: LotsLedger) -> None:
    ledger.tell(trade(1, "buy", "2", "100", 0, fee="1"), trade(2, "sell", "2", "110", 5, fee="1"))
    ledger.match()

    assert ledger.closed() == [(A, B, D(2), D(18))]
    (episode,) = ledger.rows("episodes")
    assert (episode["net_pnl"], episode["closed_at"]) == (D(18), NOW + timedelta(minutes=5))
    assert episode["book"] == "grid/coinbase/main/BTC-USD/long"


def test_one_bot_never_closes_the_lots_of_another(ledger: LotsLedger) -> None:
    ledger.tell(a_bot("trend"))
    ledger.tell(trade(1, "buy", "1", "100", 0), trade(2, "sell", "1", "110", 5, bot_id="trend"))
    ledger.match()

    assert ledger.closed() == []
    assert [row["order_id"] for row in ledger.rows("fifo_open_lots")] == [A]
    assert [row["order_id"] for row in ledger.rows("fifo_unmatched_exits")] == [B]


def test_external_orders_have_a_book_of_their_own(ledger: LotsLedger) -> None:
    ledger.tell(a_bot("mixed", account="other", expects_signals="mixed"))
    ledger.tell(trade(1, "buy", "1", "100", 0, account="other", bot_id=None))
    ledger.match()

    assert [row["owner"] for row in ledger.rows("lot_books")] == ["external"]


def test_nothing_is_done_twice_and_nothing_is_forgotten(ledger: LotsLedger) -> None:
    ledger.tell(trade(1, "buy", "1", "100", 0))
    ledger.match()
    before = ledger.all_rows()
    ledger.match()

    assert ledger.all_rows() == before
    ledger.tell(trade(2, "sell", "1", "110", 5))
    ledger.match()
    assert ledger.closed() == [(A, B, D(1), D(10))]
    assert ledger.rows("fifo_open_lots") == []


def test_a_late_fill_moves_what_came_after_it(ledger: LotsLedger) -> None:
    ledger.tell(trade(1, "buy", "1", "100", 10), trade(2, "sell", "1", "110", 20))
    ledger.match()

    ledger.tell(trade(3, "buy", "1", "90", 5))
    ledger.match()

    assert ledger.closed() == [(C, B, D(1), D(20))]
    assert ledger.all_rows() == ledger.afresh()


def test_episodes_before_a_late_fill_stay_as_they_are(ledger: LotsLedger) -> None:
    ledger.tell(trade(1, "buy", "1", "100", 0), trade(2, "sell", "1", "110", 1))
    ledger.tell(trade(3, "buy", "1", "100", 10), trade(4, "sell", "1", "110", 11))
    ledger.match()
    stamps = "SELECT entry_order_id, allocation_id FROM fifo_allocations ORDER BY 1"
    before = dict(ledger.database.rows(stamps))
    ledger.grow_older()

    ledger.tell(trade(5, "buy", "1", "80", 9))
    ledger.match()

    after = dict(ledger.database.rows(stamps))
    assert after[A] == before[A]
    assert C not in after
    assert native_id(5) in after


def test_a_reversed_fill_takes_its_lot_away(ledger: LotsLedger) -> None:
    ledger.tell(trade(1, "buy", "1", "100", 0), trade(2, "sell", "1", "110", 5))
    ledger.match()

    ledger.tell(trade(2, "sell", "1", "110", 6, kind="REVERSAL", refers_to="f2-5"))
    ledger.match()

    assert ledger.closed() == []
    assert [row["order_id"] for row in ledger.rows("fifo_open_lots")] == [A]


def test_an_order_that_is_linked_later_moves_to_the_book_of_its_bot(ledger: LotsLedger) -> None:
    ledger.tell(a_bot("sighook", account="other"), a_bot("hand", account="other", expects_signals="mixed"))
    key = "entry-1"
    entry = trade(1, "buy", "1", "100", 0, account="other", bot_id=None, client_order_id=key)
    ledger.tell(entry)
    ledger.match()
    assert [row["owner"] for row in ledger.rows("lot_books")] == ["external"]

    ledger.tell(signal(key, bot="hand", account="other")[1])
    ledger.match()

    assert [row["owner"] for row in ledger.rows("lot_books")] == ["hand"]
    assert [row["book"].split("/")[0] for row in ledger.rows("fifo_open_lots")] == ["hand"]


def test_an_exit_closes_the_lots_of_its_parent_first(ledger: LotsLedger) -> None:
    ledger.tell(
        trade(1, "buy", "1", "100", 0), trade(2, "buy", "1", "105", 1),
        order(C, "filled", side="sell", parent_order_id=B, bot_id="grid"), trade(3, "sell", "1", "110", 5),
    )  # fmt: skip
    ledger.match()

    assert ledger.closed() == [(B, C, D(1), D(5))]
    assert [row["matched_by"] for row in ledger.rows("fifo_allocations")] == ["parent"]


def test_a_fee_is_converted_when_its_rate_becomes_known(ledger: LotsLedger) -> None:
    ledger.tell(
        trade(1, "buy", "1", "100", 0, fee="0.01", fee_currency="BNB"), trade(2, "sell", "1", "110", 5)
    )
    ledger.match()
    (row,) = ledger.rows("closed_lots")
    assert (row["net_pnl"], row["fees_complete"], row["missing"]) == (D(10), False, ["fee:BNB"])

    ledger.database.rows(
        "INSERT INTO conversion_rates VALUES ('BNB', 'USD', %s, 'binance 1m', 600) RETURNING 1", NOW
    )
    ledger.match()

    (row,) = ledger.rows("closed_lots")
    assert (row["net_pnl"], row["fees_complete"], row["sources"]) == (D(4), True, ["BNB-USD 600 binance 1m"])


def test_what_the_venue_cannot_trade_is_dust(ledger: LotsLedger) -> None:
    ledger.tell(trade(1, "buy", "1", "100", 0), trade(2, "sell", "0.999", "110", 5))
    ledger.match()
    assert len(ledger.rows("fifo_open_lots")) == 1

    ledger.database.rows(
        "INSERT INTO trading_rules VALUES ('coinbase', 'BTC-USD', %s, 0.01, NULL) RETURNING 1", NOW
    )
    ledger.match()

    assert sorted(row["kind"] for row in ledger.rows("fifo_allocations")) == ["dust", "matched"]
    assert ledger.rows("fifo_open_lots") == []


def test_test_orders_have_no_lots(ledger: LotsLedger) -> None:
    ledger.tell(trade(1, "buy", "1", "100", 0, origin="test"))
    ledger.match()

    assert ledger.all_rows() == {table: [] for table in TABLES}


def test_a_transaction_that_commits_late_is_not_missed(ledger: LotsLedger) -> None:
    ledger.tell(trade(1, "buy", "1", "100", 0))
    ledger.match()
    slow = ledger.database.connect(autocommit=False)
    slow.execute("UPDATE trade_records SET updated_at = clock_timestamp(), trigger_type = 'x'")
    (watermark,) = ledger.database.rows("SELECT clock_timestamp()")[0]
    ledger.match()
    slow.commit()

    (since,) = ledger.database.rows("SELECT changed_since FROM lot_progress")[0]
    assert since < watermark
    ledger.database.rows("DELETE FROM fifo_open_lots RETURNING 1")
    ledger.match()
    assert len(ledger.rows("fifo_open_lots")) == 1


def test_a_closed_lot_shows_what_decided_it(ledger: LotsLedger) -> None:
    entry, exit_ = our_key(1), our_key(2, side="sell")
    ledger.tell(
        signal(entry, stop_loss="90", price="99")[1],
        signal(exit_, side="sell", snapshot=SNAPSHOT_B, trigger="take_profit", price="111",
               signalled_at=NOW + timedelta(minutes=4))[1],
        trade(1, "buy", "1", "100", 1, client_order_id=entry, bot_id=None),
        trade(2, "sell", "1", "110", 5, client_order_id=exit_, bot_id=None),
    )  # fmt: skip
    ledger.match()

    (row,) = ledger.rows("closed_lots")
    assert (row["bot_id"], row["entry_trigger"], row["exit_kind"]) == ("sighook", "roc_momo", "take_profit")
    assert (row["entry_score"], row["score_bucket"]) == (D("2.5"), D("2.5"))
    assert (row["mixed"], row["exit_snapshot_id"]) == (True, SNAPSHOT_B)
    assert (row["initial_risk"], row["r_multiple"], row["unit_return"]) == (D(10), D(1), D("0.1"))
    assert (row["entry_delay"], row["exit_delay"]) == (timedelta(minutes=1), timedelta(minutes=1))
    assert row["entry_slippage"] == round(D(1) / D(99), 18)
    assert row["exit_slippage"] == round(D(1) / D(111), 18)
    (episode,) = ledger.rows("episode_results")
    assert (episode["mixed"], episode["r_multiple"], episode["exit_kind"]) == (True, D(1), "take_profit")


def test_open_lots_are_marked_at_the_latest_price_that_is_known(ledger: LotsLedger) -> None:
    ledger.tell(trade(1, "buy", "2", "100", 0), trade(2, "sell", "1", "110", 5))
    ledger.match()
    (row,) = ledger.rows("open_lots")
    assert (row["open_pnl"], row["mark_source"]) == (D(10), "last trade")

    ledger.database.rows(
        "INSERT INTO conversion_rates VALUES ('BTC', 'USD', %s, 'coinbase 1m', 95) RETURNING 1",
        NOW + timedelta(minutes=6),
    )
    (row,) = ledger.rows("open_lots")
    assert (row["open_pnl"], row["mark_source"]) == (D(-5), "coinbase 1m")


def differing(ledger: LotsLedger) -> Sequence[str]:
    with connect(DatabaseSettings(**ledger.database.settings("reader"))) as connection:
        (check,) = [check for check in verify(connection) if check.name == LOTS]
    assert check.rows
    return check.offenders


@pytest.mark.parametrize(
    ("tampering", "offender"),
    [
        ("UPDATE fifo_allocations SET net_pnl = net_pnl + 1", f"{BOOK} {A} {B}"),
        ("DELETE FROM fifo_allocations", f"{BOOK} {A} {B}"),
        ("UPDATE fifo_open_lots SET quantity = 7", f"{BOOK} {C}"),
        ("UPDATE lot_books SET average_cash = 0", BOOK),
        (f"INSERT INTO lot_books SELECT 'x', {OF_BOOK} FROM lot_books", "x"),
    ],
)
def test_a_row_that_is_not_what_the_fills_say_is_named(
    ledger: LotsLedger, tampering: str, offender: str
) -> None:
    ledger.tell(
        trade(1, "buy", "1", "100", 0), trade(2, "sell", "1", "110", 5), trade(3, "buy", "1", "100", 6)
    )
    ledger.match()
    ledger.grow_older()
    assert differing(ledger) == ()

    ledger.database.rows(tampering + " RETURNING 1")

    assert differing(ledger) == (offender,)


def test_a_book_that_waits_for_its_turn_is_not_wrong(ledger: LotsLedger) -> None:
    ledger.tell(trade(1, "buy", "1", "100", 0))
    assert differing(ledger) == ()
    ledger.match()

    ledger.tell(trade(2, "sell", "1", "110", 5))

    assert differing(ledger) == ()


def test_a_book_that_cannot_be_matched_holds_up_no_other(
    ledger: LotsLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(executions: Any, position_side: Any, *, book: str, **rest: Any) -> Matched:
        if "ETH" in book:
            raise InvalidOperation
        return match(executions, position_side, book=book, **rest)

    monkeypatch.setattr(matching, "match", stumble)
    ledger.tell(trade(1, "buy", "1", "100", 0), trade(2, "buy", "1", "100", 0, symbol="ETH-USD"))

    matched = ledger.lots.match_lots(seconds=60)

    assert matched.failed == ["grid/coinbase/main/ETH-USD/long"]
    assert [row["book"] for row in ledger.rows("lot_books")] == [BOOK]


@pytest.mark.parametrize("seed", range(3))
def test_lots_made_bit_by_bit_are_those_made_at_once(ledger: LotsLedger, seed: int) -> None:
    rng = random.Random(seed)
    events = []
    for number in range(1, 60):
        side, symbol = rng.choice(("buy", "sell")), rng.choice(("BTC-USD", "ETH-USD:USD"))
        extra: dict[str, Any] = {"symbol": symbol}
        if rng.random() < 0.2:
            extra["parent_order_id"] = native_id(rng.randint(1, 60))
        size, minute = rng.randint(1, 5), rng.randint(0, 60)
        events += [
            trade(number, side, str(size), str(rng.randint(90, 110)), minute + 7 * piece, fee="0.07", **extra)
            for piece in range(rng.choice((1, 1, 2)))
        ]
        if rng.random() < 0.15:
            events.append(
                trade(
                    number,
                    side,
                    str(size),
                    "100",
                    minute + 20,
                    kind="REVERSAL",
                    refers_to=f"f{number}-{minute}",
                    fee="0",
                    **extra,
                )
            )
        if rng.random() < 0.2:
            events.append(
                {
                    **trade(number, side, "1", "1", minute + 30, kind="CUMULATIVE", **extra),
                    "cumulative_quantity": str(size + 3),
                    "average_price": "101",
                    "total_fees": "0.2",
                }
            )
    for event in events:
        if event.get("kind") == "CUMULATIVE":
            for name in ("price", "quantity", "fee"):
                event.pop(name)
    rng.shuffle(events)
    for start in range(0, len(events), 9):
        ledger.tell(*events[start : start + 9])
        ledger.match()
    bit_by_bit = ledger.all_rows()

    assert bit_by_bit["fifo_allocations"]
    assert bit_by_bit == ledger.afresh()
