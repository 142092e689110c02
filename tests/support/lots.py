"""A ledger with its lots, for tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from linkage.adapters.postgres.connection import LedgerConnection
from linkage.adapters.postgres.lots.lots import PostgresLots
from linkage.runtime.settings import DatabaseSettings
from tests.support.events import NOW, fill, native_id
from tests.support.ledger import LedgerDatabase, ToldLedger, a_bot

TABLES = ("fifo_allocations", "episodes", "fifo_open_lots", "fifo_unmatched_exits", "lot_books")
STAMPS = ("allocation_id", "allocated_at", "matched_at", "last_price")
"""Columns that may differ between two ways to the same lots."""


class LotsLedger:
    """A ledger that is told facts of the bot ``grid``, and matches its lots when it is asked to."""

    def __init__(self, database: LedgerDatabase) -> None:
        self.database = database
        self.told = ToldLedger.open(database)
        self._connection = LedgerConnection(DatabaseSettings(**database.settings()))
        self.lots = PostgresLots(self._connection)
        self.told.tell(a_bot("grid"))

    def tell(self, *told: Any) -> None:
        """Record facts in one batch, and resolve what they touched."""
        self.told.tell(*told)

    def match(self) -> None:
        """Bring the lots up to date."""
        self.lots.match_lots(seconds=60)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return a table's rows without their stamps, in an order of their own."""
        rows = self.database.dictionaries(f"SELECT * FROM {table}")
        plain = [{name: value for name, value in row.items() if name not in STAMPS} for row in rows]
        return sorted(plain, key=lambda row: repr(sorted(row.items(), key=lambda pair: pair[0])))

    def all_rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of all tables of lots."""
        return {table: self.rows(table) for table in TABLES}

    def afresh(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows that matching everything anew gives."""
        for table in TABLES:
            self.database.rows(f"DELETE FROM {table} RETURNING 1")
        self.lots.rewind(None)
        self.match()
        return self.all_rows()

    def grow_older(self) -> None:
        """Let all that was told be an hour old, so that no look overlaps with it."""
        for table, stamp in (
            ("trade_records", "updated_at"), ("trade_strategy_link", "linked_at"), ("bots", "recorded_at"),
        ):  # fmt: skip
            self.database.rows(f"UPDATE {table} SET {stamp} = {stamp} - INTERVAL '1 hour' RETURNING 1")

    def closed(self) -> list[tuple[Any, ...]]:
        """Return (entry, exit, quantity, net P&L) of each closed lot, in the order of time."""
        return self.database.rows(
            "SELECT entry_order_id, exit_order_id, quantity, net_pnl FROM fifo_allocations"
            " ORDER BY closed_at, opened_at, exit_order_id"
        )

    def start_over(self) -> None:
        """Forget all facts, and all lots."""
        self.database.empty()
        self.lots.rewind(None)
        self.told.tell(a_bot("grid"))

    def close(self) -> None:
        """Disconnect."""
        self.told.close()
        self._connection.close()


def minute(minutes: float) -> str:
    """Return a moment of the test's day as text."""
    return (NOW + timedelta(minutes=minutes)).isoformat()


def trade(number: int, side: str, quantity: str, price: str, minutes: float, **fields: Any) -> dict[str, Any]:
    """Return a fill of the order with this number, told by ``grid``, without a fee unless one is given."""
    event = {"bot_id": "grid", "fee": "0", **fields}
    return fill(
        native_id(number), f"f{number}-{minutes:g}", side=side, quantity=quantity, price=price,
        executed_at=minute(minutes), **event,
    )  # fmt: skip
