"""What a batch looks up costs the same per key, whatever the planner believes of the tables."""

from __future__ import annotations

import re

from linkage.adapters.postgres.ledger.ledger import LOCK_RELATED, RESOLVE_LINKS
from tests.support.events import fill, native_id, our_key, signal
from tests.support.ledger import ToldLedger

KEY, ORDER = our_key(1), native_id(1)
# Within a loop PostgreSQL sorts the whole array anew for each row: a batch of n would cost n squared.
ARRAY_BESIDE_A_KEY = re.compile(r"Index Cond: \(.* AND .*= ANY|Index Cond: \(.*= ANY.* AND ")


def test_no_array_of_keys_is_searched_once_for_each_row(told: ToldLedger) -> None:
    told.tell(signal(KEY)[1], fill(ORDER, client_order_id=KEY))
    with told.database.connect("recorder", autocommit=False) as connection:
        # The joins that are left are the ones that lead there.
        for setting in ("enable_hashjoin", "enable_mergejoin", "enable_seqscan"):
            connection.execute(f"SET LOCAL {setting} = off".encode())
        connection.execute(LOCK_RELATED, {"orders": [ORDER], "keys": []})
        plan = [line for (line,) in connection.execute("EXPLAIN " + RESOLVE_LINKS).fetchall()]
    assert [line for line in plan if ARRAY_BESIDE_A_KEY.search(line)] == []
    assert any("= ANY" in line for line in plan)
