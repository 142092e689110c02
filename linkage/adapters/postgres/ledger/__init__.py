"""The ledger's write side: facts in, orders and links as functions of them.

``recording`` is the first step of a batch, ``resolving`` the second; ``maintenance``, ``quarantine`` and
``rates`` serve the schedules and operators, and ``ledger`` puts them behind the port. The functions of facts
themselves are in the schema: ``derive_orders`` and ``resolve_links``.
"""

from linkage.adapters.postgres.ledger.ledger import PostgresLedger

__all__ = ["PostgresLedger"]
