"""The ledger's write side: facts in, orders and links as functions of them.

``facts`` inserts, ``orders`` makes orders, ``links`` makes links, ``maintenance`` serves the schedules, and
``ledger`` puts them into transactions.
"""

from linkage.adapters.postgres.ledger.ledger import PostgresLedger

__all__ = ["PostgresLedger"]
