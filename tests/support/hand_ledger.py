"""The ledger written by hand, in a database."""

from __future__ import annotations

from linkage.adapters.postgres.connection import LedgerConnection
from linkage.adapters.postgres.lots.lots import PostgresLots
from linkage.runtime.settings import DatabaseSettings
from tests.support import forty_trades as hand
from tests.support.ledger import LedgerDatabase, ToldLedger


def tell_forty_trades(database: LedgerDatabase) -> LedgerDatabase:
    """Record the forty trades and match their lots."""
    told = ToldLedger.open(database)
    told.tell(*hand.bots(), *hand.signals(), *hand.events())
    told.close()
    with database.connect() as recorder:
        for base, quote, minute, price in hand.RATES:
            recorder.execute(
                "INSERT INTO conversion_rates VALUES (%s, %s, %s, 'by hand', %s)",
                [base, quote, hand.moment(minute), price],
            )
        for symbol, step in hand.STEPS:
            recorder.execute(
                "INSERT INTO trading_rules VALUES ('coinbase', %s, %s, %s)", [symbol, hand.START, step]
            )
    match_lots(database)
    return database


def match_lots(database: LedgerDatabase) -> None:
    """Bring the lots up to date, as the sweep does."""
    connection = LedgerConnection(DatabaseSettings(**database.settings()))
    PostgresLots(connection).match_lots(seconds=60)
    connection.close()
