"""An order's link as a function of facts: the one place where it is written down.

Every order is resolved from keys and signals alone, never from another order's stored link: a parent's
link may be on its way in a transaction that nobody sees yet, its key and its signal are facts.
"""

from __future__ import annotations

from typing import LiteralString

from linkage.adapters.postgres.ledger.orders import SCOPE
from linkage.domain.ids import FIRST_PARTY_BOT

LOCK_FAMILY: LiteralString = """
WITH RECURSIVE named AS (
  SELECT t.order_id, t.client_order_id, t.venue, t.account
  FROM trade_records t WHERE t.order_id = ANY (%(orders)s::text[] COLLATE "C")
  UNION ALL
  SELECT t.order_id, t.client_order_id, t.venue, t.account
  FROM trade_records t WHERE t.client_order_id = ANY (%(keys)s::text[] COLLATE "C")
), called AS (
  -- Each key that a touched order was ever told to have: it may have had another until now.
  SELECT client_order_id FROM named
  UNION
  SELECT client_order_id FROM fill_receipts WHERE order_id = ANY (%(orders)s::text[] COLLATE "C")
  UNION
  SELECT client_order_id FROM order_events WHERE order_id = ANY (%(orders)s::text[] COLLATE "C")
), family AS (
  SELECT order_id FROM named
  UNION
  -- An earlier order with the same key may have ended, which bars the later one.
  SELECT other.order_id FROM (
    SELECT * FROM trade_records WHERE client_order_id = ANY (array(SELECT client_order_id FROM called))
    OFFSET 0
  ) other
  WHERE (other.venue, other.account) IN (SELECT venue, account FROM named)
  UNION
  SELECT below.order_id FROM family CROSS JOIN LATERAL (
    SELECT order_id FROM trade_records WHERE parent_order_id = family.order_id
    UNION ALL
    SELECT order_id FROM trade_records WHERE replaces_order_id = family.order_id
  ) below
), locked AS (
  SELECT order_id FROM trade_records WHERE order_id = ANY (array(SELECT order_id FROM family))
  ORDER BY order_id FOR NO KEY UPDATE
)
SELECT set_config('linkage.scope', array(SELECT order_id FROM locked)::text, true)
"""
"""Lock what a batch touched, the orders that share its keys, and all that hang from these."""

ORDERS_OF_BOTS: LiteralString = """
SELECT t.order_id
FROM bots b
JOIN strategy_signals s ON s.bot_id = b.bot_id AND NOT s.key_is_ours
JOIN trade_records t ON t.client_order_id = s.client_order_id AND t.venue = b.venue AND t.account = b.account
WHERE b.bot_id = ANY (%s)
"""
"""The orders on its accounts whose keys a bot has used for signals."""

_MOST_ELDERS: LiteralString = "256"
_NOT_YET: LiteralString = "interval '1 day'"
"""A signal that was decided so much later than the order was placed is another use of its key. Clocks of bots
and venues differ by less, and keys are not taken twice within the weeks that the hot store keeps them."""

_RESOLVED: LiteralString = (
    """
chain AS (
  -- Upward from each order, one elder at a time: what an order replaces, then its parent, then what was left
  -- aside on the way. A parent counts once the child's own order event is there.
  SELECT order_id AS root, symbol AS root_symbol, side AS root_side, trigger_type AS root_trigger,
         origin AS root_origin, ctid AS root_row, 0 AS step, false AS by_parent,
         '{}'::text[] COLLATE "C" AS aside, order_id, venue, account, symbol, side, client_order_id,
         key_is_ours, bot_id, replaces_order_id, parent_order_id, event_count,
         coalesce(placed_at, order_time) AS placed
  FROM trade_records
  WHERE {within}
  UNION ALL
  SELECT c.root, c.root_symbol, c.root_side, c.root_trigger, c.root_origin, c.root_row, c.step + 1,
         c.by_parent OR c.replaces_order_id IS NULL, next.aside, t.order_id, t.venue, t.account, t.symbol,
         t.side, t.client_order_id, t.key_is_ours, t.bot_id, t.replaces_order_id, t.parent_order_id,
         t.event_count, coalesce(t.placed_at, t.order_time)
  FROM chain c
  CROSS JOIN LATERAL (
    SELECT CASE WHEN c.event_count > 0 THEN c.parent_order_id END AS parent OFFSET 0
  ) counted
  CROSS JOIN LATERAL (
    SELECT coalesce(c.replaces_order_id, counted.parent, c.aside[1]) AS elder,
           CASE WHEN c.replaces_order_id IS NULL AND counted.parent IS NULL THEN c.aside[2:]
                WHEN c.replaces_order_id IS NOT NULL AND counted.parent <> ALL (c.aside)
                  THEN counted.parent || c.aside
                ELSE c.aside END AS aside
  ) next
  -- An elder of which nothing is known, or the order itself, leads to what was left aside.
  LEFT JOIN LATERAL (
    SELECT * FROM trade_records WHERE order_id = next.elder AND order_id <> c.root OFFSET 0
  ) t ON true
  WHERE c.step < """
    + _MOST_ELDERS
    + """
    AND next.elder IS NOT NULL AND (t.order_id IS NOT NULL OR next.aside <> '{}')
), shared AS (
  -- Keys of several orders: only these can have been used before.
  SELECT client_order_id FROM {orders}
  WHERE client_order_id IS NOT NULL GROUP BY client_order_id HAVING count(*) > 1
), paired AS (
  SELECT c.root, c.root_symbol, c.root_side, c.root_trigger, c.root_origin, c.root_row,
         c.step, c.by_parent, c.order_id, c.venue, c.account, c.placed, c.symbol,
         c.side, s.bot_id, s.client_order_id, s.meaning, s.snapshot_id, s.signalled_at,
         s.symbol AS signal_symbol, s.side AS signal_side, s.ctid AS signal_row
  FROM chain c
  JOIN {signals} s ON s.client_order_id = c.client_order_id
   AND CASE WHEN c.key_is_ours THEN s.key_is_ours
            WHEN c.bot_id IS NOT NULL THEN s.bot_id = c.bot_id
            ELSE EXISTS (SELECT FROM bots b
                         WHERE b.bot_id = s.bot_id AND b.venue = c.venue AND b.account = c.account) END
   AND NOT coalesce(s.signalled_at > c.placed + """
    + _NOT_YET
    + """, false)
), candidates AS MATERIALIZED (
  SELECT paired.*,
         CASE WHEN signal_symbol <> symbol THEN 'symbol'
              WHEN signal_side <> side THEN 'side'
              WHEN client_order_id IN (SELECT client_order_id FROM shared) AND EXISTS (
                SELECT FROM trade_records earlier
                WHERE earlier.client_order_id = paired.client_order_id
                  AND earlier.venue = paired.venue AND earlier.account = paired.account
                  AND earlier.order_id <> paired.order_id AND earlier.ended_at < paired.placed
                  AND NOT coalesce(signalled_at > coalesce(earlier.placed_at, earlier.order_time)
                                                  + """
    + _NOT_YET
    + """, false)
              ) THEN 'reused'
         END AS veto
  FROM paired
), judged AS (
  SELECT DISTINCT ON (root) root AS order_id, client_order_id, signal_row, root_trigger, root_origin,
         root_row,
         CASE WHEN step = 0 THEN 'key' WHEN by_parent THEN 'parent' ELSE 'replaced' END AS method,
         CASE WHEN veto IS NOT NULL THEN veto
              WHEN fitting > 1 THEN 'ambiguous'
              WHEN root_symbol <> symbol THEN 'symbol'
              WHEN root_side <> side AND NOT by_parent THEN 'side'
              WHEN snapshot_id IS NULL THEN 'no_snapshot'
         END AS veto
  FROM (
    SELECT candidates.*, count(*) FILTER (WHERE veto IS NULL) OVER (PARTITION BY root, step) AS fitting
    FROM candidates
  ) counted
  ORDER BY root, step, veto NULLS FIRST, signalled_at, bot_id, meaning
), wanted AS (
  -- The signal's row again, now that few are left. What a venue triggered says itself what triggered it.
  SELECT order_id, s.bot_id, s.client_order_id, s.meaning, s.snapshot_id, s.buy_score, s.sell_score,
         CASE method WHEN 'parent' THEN (SELECT min(trigger) FROM order_events e
                                         WHERE e.order_id = judged.order_id)
                     ELSE s.trigger_type END AS trigger_type,
         s.indicators_fired, s.indicator_breakdown, s.arm,
         CASE method WHEN 'parent' THEN NULL ELSE s.origin END AS origin,
         s.signalled_at, s.price AS signal_price, method, root_trigger, root_origin, root_row
  FROM judged JOIN strategy_signals s ON s.ctid = judged.signal_row
  WHERE veto IS NULL
)"""
)

# An array of keys is looked up in an index whatever the planner believes of the table; a join may be turned
# into a comparison with all of it. The fence keeps the array out of a join's inner loop, where it would be
# searched, and sorted, anew for each row.
_SIGNALS_OF_CHAIN: LiteralString = """(
    SELECT *, ctid FROM strategy_signals
    WHERE client_order_id = ANY (array(SELECT client_order_id FROM chain))
    OFFSET 0
  )"""
_ORDERS_OF_CHAIN: LiteralString = """(
    SELECT client_order_id FROM trade_records
    WHERE client_order_id = ANY (array(SELECT client_order_id FROM chain))
    OFFSET 0
  )"""

COLUMNS: tuple[LiteralString, ...] = (
    "order_id", "bot_id", "client_order_id", "meaning", "snapshot_id", "buy_score", "sell_score",
    "trigger_type", "indicators_fired", "indicator_breakdown", "arm", "origin", "signalled_at",
    "signal_price", "method",
)  # fmt: skip
"""The derived columns of ``trade_strategy_link``, in the order in which ``wanted`` yields them."""

IDENTITY: tuple[LiteralString, ...] = ("bot_id", "client_order_id", "meaning", "snapshot_id", "method")
"""The columns that say which link it is; when one of them changes the old row goes to the history."""


def resolved(*, everything: bool = False) -> LiteralString:
    """Return the common table expressions up to ``judged`` and ``wanted``.

    Args:
        everything: for all orders; else for those in the expression ``scope``, which has to come before.
    """
    if everything:
        return (
            _RESOLVED.replace("{within}", "true")
            .replace("{signals}", "strategy_signals")
            .replace("{orders}", "trade_records")
        )
    within: LiteralString = "order_id = ANY ((SELECT ids FROM scope)::text[])"
    return (
        _RESOLVED.replace("{within}", within)
        .replace("{signals}", _SIGNALS_OF_CHAIN)
        .replace("{orders}", _ORDERS_OF_CHAIN)
    )


def _columns(prefix: LiteralString, names: tuple[LiteralString, ...] = COLUMNS) -> LiteralString:
    return ", ".join(prefix + name for name in names)


RESOLVE: LiteralString = (
    "WITH RECURSIVE "
    + SCOPE
    + ", "
    + resolved()
    + f""", present AS MATERIALIZED (
  SELECT l.* FROM trade_strategy_link l WHERE l.order_id = ANY ((SELECT ids FROM scope)::text[])
), settled AS MATERIALIZED (
  SELECT * FROM wanted
), old AS (
  SELECT p.*, w.snapshot_id AS next_snapshot_id, w.order_id IS NULL AS vanished
  FROM present p LEFT JOIN settled w USING (order_id)
  WHERE ({_columns("p.", IDENTITY)}) IS DISTINCT FROM ({_columns("w.", IDENTITY)})
), kept AS (
  INSERT INTO trade_strategy_link_history (order_id, bot_id, client_order_id, snapshot_id, buy_score,
    sell_score, trigger_type, indicators_fired, indicator_breakdown, arm, signalled_at, signal_price, method,
    linked_at, next_snapshot_id)
  SELECT order_id, bot_id, client_order_id, snapshot_id, buy_score, sell_score, trigger_type,
    indicators_fired, indicator_breakdown, arm, signalled_at, signal_price, method, linked_at,
    next_snapshot_id
  FROM old ORDER BY order_id
), gone AS (
  DELETE FROM trade_strategy_link l USING old WHERE old.vanished AND l.order_id = old.order_id
), fresh AS (
  SELECT w.*, p.order_id IS NOT NULL AS relinked,
         p.order_id IS NULL AND (
           w.method = 'parent'
           OR coalesce(lower(w.origin) NOT IN ('test', 'unknown'), true)
              AND coalesce(lower(w.root_origin) <> 'test', true)
         ) AS simple
  FROM settled w LEFT JOIN present p USING (order_id)
  WHERE p.order_id IS NULL OR ({_columns("p.")}) IS DISTINCT FROM ({_columns("w.")})
), written AS (
  INSERT INTO trade_strategy_link ({_columns("")})
  SELECT {_columns("")} FROM fresh WHERE NOT relinked ORDER BY order_id
), rewritten AS (
  UPDATE trade_strategy_link l
  SET ({_columns("", COLUMNS[1:])}, linked_at) = ROW ({_columns("f.", COLUMNS[1:])}, clock_timestamp())
  FROM fresh f WHERE f.relinked AND l.order_id = f.order_id
), barred AS MATERIALIZED (
  SELECT order_id, client_order_id, veto FROM judged WHERE veto IS NOT NULL
), lifted AS (
  DELETE FROM link_vetoes v
  WHERE v.order_id = ANY ((SELECT ids FROM scope)::text[])
    AND NOT EXISTS (SELECT FROM barred b WHERE b.order_id = v.order_id)
), vetoed AS (
  INSERT INTO link_vetoes (order_id, client_order_id, reason)
  SELECT order_id, client_order_id, veto FROM barred ORDER BY order_id
  ON CONFLICT (order_id) DO UPDATE SET client_order_id = excluded.client_order_id, reason = excluded.reason
  WHERE (link_vetoes.client_order_id, link_vetoes.reason)
        IS DISTINCT FROM (excluded.client_order_id, excluded.reason)
), shown AS (
  -- A first link lends its order the signal's trigger and origin. It is what ``orders`` would do, without
  -- reading the facts again.
  UPDATE trade_records t
  SET trigger_type = coalesce(f.trigger_type, t.trigger_type),
      origin = coalesce(f.origin, t.origin),
      updated_at = clock_timestamp()
  FROM fresh f
  WHERE f.simple AND f.method <> 'parent' AND t.ctid = f.root_row
    AND (f.trigger_type <> f.root_trigger OR f.root_trigger IS NULL AND f.trigger_type IS NOT NULL
         OR f.origin <> f.root_origin OR f.root_origin IS NULL AND f.origin IS NOT NULL)
), affected AS (
  SELECT order_id FROM old
  UNION
  SELECT order_id FROM fresh WHERE NOT simple
), unknown AS (
  SELECT c.order_id, c.client_order_id,
         CASE WHEN c.key_is_ours THEN ARRAY['{FIRST_PARTY_BOT}']
              WHEN c.bot_id IS NOT NULL THEN ARRAY[c.bot_id]
              ELSE ARRAY(SELECT DISTINCT b.bot_id FROM bots b
                         WHERE b.venue = c.venue AND b.account = c.account ORDER BY 1) END AS lookups
  FROM chain c
  WHERE c.step = 0 AND c.client_order_id IS NOT NULL
    AND c.root NOT IN (SELECT root FROM paired WHERE step = 0)
), passed_on AS (
  SELECT set_config('linkage.scope', array(SELECT order_id FROM affected)::text, true)
)
SELECT 'made' AS what, f.order_id, f.client_order_id, f.snapshot_id, f.method,
       old.order_id IS NOT NULL AS relinked,
       coalesce(old.snapshot_id <> f.snapshot_id, false) AS snapshot_changed, NULL::text[] AS lookups
FROM fresh f LEFT JOIN old USING (order_id)
WHERE NOT f.relinked OR old.order_id IS NOT NULL
UNION ALL
SELECT 'removed', order_id, NULL, NULL, NULL, NULL, NULL, NULL FROM old WHERE vanished
UNION ALL
SELECT 'conflict', order_id, NULL, NULL, NULL, NULL, NULL, NULL FROM barred WHERE veto <> 'no_snapshot'
UNION ALL
SELECT 'missing', order_id, client_order_id, NULL, NULL, NULL, NULL, lookups FROM unknown
WHERE cardinality(lookups) > 0
UNION ALL
SELECT 'scope', NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM passed_on
"""
)
