"""The ledger's invariants, checked on a live database.

Every derived row is compared with what the functions of facts give when they are computed afresh from all
facts, by the same SQL that the recorder runs. All checks see one moment of the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.ledger import facts, links, orders, rates
from linkage.adapters.postgres.lots import lots

MAX_OFFENDERS = 100
LOTS = "every lot, episode and unmatched exit is what the fills say"


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant and what was found.

    Attributes:
        name: of the invariant.
        rows: how many rows it was checked on.
        offenders: ids of rows that break it, the first hundred.
        offences: how many there are.
    """

    name: str
    rows: int
    offences: int = 0
    offenders: Sequence[str] = ()

    @property
    def holds(self) -> bool:
        """Tell whether nothing breaks it."""
        return self.offences == 0


def _compared(table: LiteralString, wanted: LiteralString, columns: Sequence[LiteralString]) -> LiteralString:
    """Return a query for (rows, offending ids): the table against what it should be, both ways."""
    there = ", ".join("t." + name for name in columns)
    should = ", ".join("w." + name for name in columns)
    return f"""
SELECT count(*), array_agg(order_id ORDER BY order_id) FILTER (WHERE differs)
FROM (
  SELECT coalesce(t.order_id, w.order_id) AS order_id, ({there}) IS DISTINCT FROM ({should}) AS differs
  FROM {table} t FULL JOIN {wanted} w ON w.order_id = t.order_id
) compared
"""


_CHECKS: Mapping[str, LiteralString] = {
    "every order is what its facts say": "WITH "
    + orders.derived(everything=True)
    + _compared("trade_records", "derived", orders.COLUMNS),
    "every link is what the keys and signals say": "WITH RECURSIVE "
    + links.resolved(everything=True)
    + _compared("trade_strategy_link", "wanted", links.COLUMNS),
    "every veto is what the keys and signals say": "WITH RECURSIVE "
    + links.resolved(everything=True)
    + ", barred AS (SELECT order_id, client_order_id, veto AS reason FROM judged WHERE veto IS NOT NULL)"
    + _compared("link_vetoes", "barred", ("order_id", "client_order_id", "reason")),
    "every executed order has one disposition": """
SELECT count(*), array_agg(order_id ORDER BY order_id) FILTER (WHERE shown <> 1)
FROM (
  SELECT t.order_id, count(d.disposition) AS shown
  FROM trade_records t LEFT JOIN order_dispositions d USING (order_id)
  WHERE t.status IN ('filled', 'done')
  GROUP BY t.order_id
) counted
""",
    "every rate that was counted in advance is that of its orders": "WITH "
    + rates.FOUND.replace("{start}", "(SELECT min(bucket) FROM rolled_rates)").replace(
        "{end}", "(SELECT max(bucket) + INTERVAL '5 minutes' FROM rolled_rates)"
    )
    + """
SELECT count(*), array_agg(bucket::text ORDER BY bucket)
                 FILTER (WHERE r.counts IS DISTINCT FROM coalesce(found.counts, '[]'))
FROM rolled_rates r LEFT JOIN found USING (bucket)
WHERE r.facts_version = (SELECT facts_for_rates())
""",
    "every fill has a receipt, and every receipt a fill": """
SELECT count(*), array_agg(order_id || ' ' || fill_id ORDER BY order_id, fill_id)
                 FILTER (WHERE f IS NULL OR r IS NULL)
FROM (SELECT DISTINCT order_id, fill_id, venue, account, 1 AS f FROM fills) fills
FULL JOIN (SELECT DISTINCT order_id, fill_id, venue, account, 1 AS r FROM fill_receipts) receipts
  USING (order_id, fill_id, venue, account)
""",
    "every fill is as it was recorded": f"""
SELECT count(*), array_agg(order_id || ' ' || fill_id ORDER BY order_id, fill_id)
                 FILTER (WHERE economics <> {facts.ECONOMICS})
FROM fills
""",
    "every receipt is as it was recorded": f"""
SELECT count(*), array_agg(order_id || ' ' || fill_id ORDER BY order_id, fill_id)
                 FILTER (WHERE receipt <> {facts.RECEIPT})
FROM fill_receipts
""",
    "every disagreement about a fill is counted": """
SELECT count(*), array_agg(order_id || ' ' || fill_id ORDER BY order_id, fill_id)
                 FILTER (WHERE c.versions IS DISTINCT FROM w.versions)
FROM fill_conflicts c
FULL JOIN (
  SELECT order_id, fill_id, venue, account, count(*)::integer AS versions FROM fills
  GROUP BY order_id, fill_id, venue, account HAVING count(*) > 1
) w USING (order_id, fill_id, venue, account)
""",
    "every snapshot is what its descriptions say": f"""
SELECT count(*), array_agg(snapshot_id::text ORDER BY snapshot_id) FILTER (WHERE differs)
FROM (
  SELECT coalesce(s.snapshot_id, d.snapshot_id) AS snapshot_id,
         s.snapshot_id IS NULL OR (s.config_hash, s.params_hash, s.strategy, s.code_version, s.label,
           s.parameters) IS DISTINCT FROM (d.config_hash, d.params_hash, d.strategy, d.code_version, d.label,
           d.parameters) AS differs
  FROM strategy_snapshots s
  FULL JOIN ({facts.DERIVED_SNAPSHOTS.replace("{where}", "")}) d ON d.snapshot_id = s.snapshot_id
) compared
""",
    "every snapshot that a fact names is there": """
SELECT count(*), array_agg(snapshot_id::text ORDER BY snapshot_id)
                 FILTER (WHERE NOT EXISTS (SELECT FROM strategy_snapshots s
                                           WHERE s.snapshot_id = named.snapshot_id))
FROM (
  SELECT snapshot_id FROM strategy_signals WHERE snapshot_id IS NOT NULL
  UNION SELECT snapshot_id FROM strategy_runs
) named
""",
    "every activation is what the runs say": f"""
SELECT count(*), array_agg(strategy || '/' || arm || ' ' || activated_at ORDER BY strategy, arm, activated_at)
                 FILTER (WHERE (a.snapshot_id, a.deactivated_at)
                               IS DISTINCT FROM (w.snapshot_id, w.deactivated_at))
FROM strategy_activations a
FULL JOIN ({facts.DERIVED_ACTIVATIONS}) w USING (strategy, arm, activated_at)
""",
}


def verify(connection: Connection) -> Sequence[Check]:
    """Check all invariants and return what was found, in a fixed order.

    Args:
        connection: as a role that may read everything, in autocommit; its sessions' zone is UTC.
    """
    found: list[Check] = []
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute("SET LOCAL statement_timeout = 0")
        for name, query in _CHECKS.items():
            row = connection.execute(query).fetchone()
            rows, offenders = (0, None) if row is None else row
            guilty = list(offenders or ())
            found.append(Check(name, int(rows), len(guilty), tuple(guilty[:MAX_OFFENDERS])))
        matched, differing = lots.compare(connection)
        found.append(Check(LOTS, matched, len(differing), tuple(differing[:MAX_OFFENDERS])))
    return found
