"""The ledger's invariants, checked on a live database.

Every derived row is compared with what the functions of facts give when they are computed afresh from all
facts, by the same views and functions that the recorder uses. All checks see one moment of the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg.rows import namedtuple_row

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.lots.check import compare
from linkage.adapters.postgres.statements import statement

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
        """Return whether nothing breaks it."""
        return self.offences == 0


_CHECKS: Mapping[str, LiteralString] = {
    "every order is what its facts say": statement(__file__, "verify_orders"),
    "every link is what the keys and signals say": statement(__file__, "verify_links"),
    "every veto is what the keys and signals say": statement(__file__, "verify_vetoes"),
    "every executed order has one disposition": statement(__file__, "verify_dispositions"),
    "every rate that was counted in advance is that of its orders": statement(__file__, "verify_rates"),
    "every fill has a receipt, and every receipt a fill": statement(__file__, "verify_receipts_of_fills"),
    "every fill is as it was recorded": statement(__file__, "verify_fills"),
    "every receipt is as it was recorded": statement(__file__, "verify_receipts"),
    "every disagreement about a fill is counted": statement(__file__, "verify_fill_conflicts"),
    "every snapshot is what its descriptions say": statement(__file__, "verify_snapshots"),
    "every snapshot that a fact names is there": statement(__file__, "verify_named_snapshots"),
    "every activation is what the runs say": statement(__file__, "verify_activations"),
}


def verify(connection: Connection) -> Sequence[Check]:
    """Check all invariants and return what was found, in a fixed order.

    Args:
        connection: as a role that may read everything, in autocommit; its sessions' zone is UTC.
    """
    checks: list[Check] = []
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute("SET LOCAL statement_timeout = 0")
        cursor = connection.cursor(row_factory=namedtuple_row)
        for name, query in _CHECKS.items():
            found: Any = cursor.execute(query).fetchone()
            checks.append(_check(name, found.rows, found.offenders or ()))
        matched, differing = compare(connection)
        checks.append(_check(LOTS, matched, differing))
    return checks


def _check(name: str, rows: int, offenders: Sequence[str]) -> Check:
    return Check(name, rows, offences=len(offenders), offenders=tuple(offenders[:MAX_OFFENDERS]))
