"""The comparison finds each kind of wrong link, and knows nothing of the ledger's own opinion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from demo.truth import LinkTruth, Notebook, StoredLink, compare, notebook

SNAPSHOT, OTHER = UUID(int=1), UUID(int=2)
MOMENT = datetime(2026, 11, 22, 12, 5, tzinfo=UTC)
KEY = "0" * 32
TRUTH = LinkTruth(SNAPSHOT, "ADA-BTC", "buy", "score", Decimal("3.5"), Decimal(0), MOMENT)
LINK = StoredLink(
    order_id="entry",
    bot_id="sighook",
    order_key=KEY,
    parent_order_id=None,
    replaces_order_id=None,
    symbol="ADA-BTC",
    side="buy",
    method="key",
    signal_key=KEY,
    snapshot_id=SNAPSHOT,
    trigger="score",
    buy_score=Decimal("3.5"),
    sell_score=Decimal(0),
    signalled_at=MOMENT,
)
CHILD = replace(
    LINK,
    order_id="stop",
    order_key=None,
    parent_order_id="entry",
    side="sell",
    method="parent",
    trigger="stop_loss",
)


SUCCESSOR = replace(LINK, order_id="second", order_key=None, replaces_order_id="entry", method="replaced")


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Notebook]:
    with notebook(tmp_path / "truth.jsonl") as opened:
        opened.note_decision(KEY, TRUTH)
        yield opened


def test_a_right_link_and_its_bracket_child_pass(book: Notebook) -> None:
    assert compare([LINK, CHILD], book) == ([], [])


def test_a_replaced_order_and_what_hangs_from_its_successor_have_the_first_ones_truth(book: Notebook) -> None:
    grandchild = replace(CHILD, parent_order_id="second")
    assert compare([LINK, SUCCESSOR, grandchild], book) == ([], [])

    wrong, _ = compare([LINK, replace(SUCCESSOR, trigger="stop_loss")], book)
    assert "trigger is stop_loss, not score" in wrong[0]
    wrong, _ = compare([LINK, SUCCESSOR, replace(grandchild, snapshot_id=OTHER)], book)
    assert "snapshot_id is" in wrong[0]
    wrong, _ = compare([SUCCESSOR], book)
    assert "nobody foresaw its predecessor entry" in wrong[0]


@pytest.mark.parametrize(
    ("link", "said"),
    [
        (replace(LINK, snapshot_id=OTHER), "snapshot_id is"),
        (replace(LINK, symbol="ETH-BTC"), "symbol is ETH-BTC, not ADA-BTC"),
        (replace(LINK, side="sell"), "side is sell, not buy"),
        (replace(LINK, trigger="roc_momo"), "trigger is roc_momo"),
        (replace(LINK, buy_score=None), "buy_score is None, not 3.5"),
        (replace(LINK, sell_score=None), "sell_score is None, not 0"),
        (replace(LINK, signalled_at=MOMENT.replace(minute=10)), "signalled_at is"),
        (replace(LINK, order_key="f" * 32), "nobody foresaw the key"),
        (replace(LINK, order_key=None), "has neither key nor parent"),
    ],
)
def test_each_difference_of_a_link_is_reported(book: Notebook, link: StoredLink, said: str) -> None:
    wrong, _ = compare([link], book)
    assert len(wrong) == 1
    assert said in wrong[0]


@pytest.mark.parametrize(
    ("child", "said"),
    [
        (replace(CHILD, snapshot_id=OTHER), "snapshot_id is"),
        (replace(CHILD, side="buy"), "side is buy, not sell"),
        (replace(CHILD, trigger="score"), "no venue's"),
        (replace(CHILD, parent_order_id="another"), "nobody foresaw its parent another"),
    ],
)
def test_each_difference_of_a_child_is_reported(book: Notebook, child: StoredLink, said: str) -> None:
    wrong, _ = compare([LINK, child], book)
    assert len(wrong) == 1
    assert said in wrong[0]


def test_a_linked_order_that_somebody_placed_by_hand_is_wrong(book: Notebook) -> None:
    book.note_order("entry", None, why="by hand")
    wrong, _ = compare([LINK], book)
    assert "must not be linked" in wrong[0]


def test_an_order_of_another_bot_is_compared_by_its_order_id_and_missed_when_it_traded(
    book: Notebook,
) -> None:
    book.note_order("theirs", replace(TRUTH, snapshot_id=OTHER), why="foreign")
    book.note_order("refused", replace(TRUTH, snapshot_id=OTHER), why="foreign", executed=False)
    wrong, missing = compare([], book)
    assert wrong == []
    assert missing == [f"theirs: has to be linked with snapshot {OTHER}"]
    assert compare([replace(LINK, order_id="theirs")], book)[0] != []
    assert compare([replace(LINK, order_id="theirs", snapshot_id=OTHER)], book) == ([], [])


def test_the_truth_is_on_disk_before_the_call_returns(book: Notebook) -> None:
    book.note_order("theirs", None, why="by hand")
    lines = [json.loads(line) for line in Path(book.file.name).read_text().splitlines()]
    assert lines[0]["client_order_id"] == KEY
    assert lines[0]["snapshot_id"] == str(SNAPSHOT)
    assert lines[1] == {"order_id": "theirs", "why": "by hand", "linked": False}


def test_a_row_of_the_ledger_is_read_with_its_types() -> None:
    row = {
        "order_id": "entry",
        "bot_id": "sighook",
        "order_key": KEY,
        "parent_order_id": None,
        "replaces_order_id": None,
        "symbol": "ADA-BTC",
        "side": "buy",
        "method": "key",
        "signal_key": KEY,
        "snapshot_id": str(SNAPSHOT),
        "trigger_type": "score",
        "buy_score": "3.50",
        "sell_score": "0",
        "signalled_at": "2026-11-22 12:05:00+00:00",
    }
    assert StoredLink.from_row(row) == LINK
