"""Real trades: told in order, once, and told shuffled, doubled and in random batches, they end alike."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from linkage.contracts.events import EVENT, fact_text
from linkage.domain.facts import FactBatch
from local.postgres import PostgresServer
from tests.proofs.counting import tally
from tests.strategies.matrix.conftest import REAL_CANDLES
from tests.support.events import signal
from tests.support.ledger import LedgerDatabase, ToldLedger
from tests.support.seeds import seed
from tests.support.trades import key_of, trades

TRADES = int(os.environ.get("LINKAGE_PROOF_TRADES", "10000"))
STAMPS = {
    "trade_records": ("first_recorded_at", "updated_at"), "trade_strategy_link": ("linked_at",),
    "strategy_snapshots": ("first_seen_at", "described_at"), "fills": ("recorded_at",),
    "order_events": ("recorded_at",), "strategy_signals": ("recorded_at",),
    "fill_conflicts": (), "link_vetoes": (), "trade_strategy_link_history": (), "quarantine": (),
}  # fmt: skip
"""The tables that have to be alike, and the columns that may differ between two arrival orders."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trades as JSON lines."""
    path: Path = tmp_path_factory.mktemp("trades") / "trades.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in trades(REAL_CANDLES, TRADES)))
    return path


def test_shuffled_doubled_and_cut_into_random_batches_real_trades_end_as_they_do_in_order(
    file: Path, postgres_server: PostgresServer, ledger_template: str
) -> None:
    events = [json.loads(line) for line in file.read_text().splitlines()]
    facts = [*signals(events), *((part_of(event), fact_of(event)) for event in events)]
    chance = random.Random(seed(31))
    shuffled = [*facts, *chance.choices(facts, k=len(facts))]
    chance.shuffle(shuffled)
    ends = []
    for told_facts, sizes in ((facts, [1_000]), (shuffled, [1, 7, 100, 400, 1_000])):
        database = LedgerDatabase.create(postgres_server, ledger_template)
        try:
            ledger = ToldLedger.open(database, deadline_seconds=120)
            for batch in cut(told_facts, sizes, chance):
                ledger.ledger.resolve(ledger.ledger.record(batch).touched)
            ledger.close()
            ends.append({table: rows_of(database, table) for table in STAMPS})
        finally:
            database.drop()
    in_order, otherwise = ends
    for table, rows in in_order.items():
        assert otherwise[table] == rows, table
    assert len(in_order["fills"]) == TRADES
    orders = {event["order_id"] for event in events}
    keyed = {event["order_id"] for event in events if "client_order_id" in event}
    assert (len(in_order["trade_records"]), len(in_order["trade_strategy_link"])) == (len(orders), len(keyed))
    tally(
        "trades",
        trades=TRADES,
        orders=len(orders),
        links=len(keyed),
        facts_recorded=len(facts) + len(shuffled),
    )


def signals(events: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield the signal behind each key."""
    seen = set()
    for event in events:
        key, symbol = event.get("client_order_id"), event["symbol"]
        if key is not None and key not in seen:
            seen.add(key)
            yield "signals", signal(key, symbol=symbol, signalled_at="2017-01-01T00:00:00Z")[1].fact_text()
    assert seen
    assert key_of(5, "ETH-BTC") is None


def part_of(event: dict[str, Any]) -> str:
    """Return where in a batch an event belongs."""
    return "fills" if event["type"] == "fill" else "order_events"


def fact_of(event: dict[str, Any]) -> str:
    """Return an event as a fact."""
    return fact_text(EVENT.validate_python(event))


def cut(facts: Sequence[tuple[str, str]], sizes: Sequence[int], chance: random.Random) -> Iterator[FactBatch]:
    """Yield facts in batches of random sizes."""
    at = 0
    while at < len(facts):
        size = chance.choice(sizes)
        batch, at = facts[at : at + size], at + size
        yield FactBatch(
            fills=[text for part, text in batch if part == "fills"],
            order_events=[text for part, text in batch if part == "order_events"],
            signals=[text for part, text in batch if part == "signals"],
        )


def rows_of(database: LedgerDatabase, table: str) -> list[str]:
    """Return a table's rows without their stamps."""
    query = f"SELECT (to_jsonb(t) - %s::text[])::text FROM {table} t ORDER BY 1"
    return [row for (row,) in database.rows(query, list(STAMPS[table]))]
