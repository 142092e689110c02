"""The ledger's write side: facts in, orders and links as functions of them.

``facts`` inserts, ``derive`` makes orders, ``links`` makes links, ``upkeep`` serves the schedules, and
``ledger`` puts them into transactions.
"""

from linkage.adapters.postgres_ledger.ledger import PostgresLedger

__all__ = ["PostgresLedger"]
