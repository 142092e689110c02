-- An order's link as a function of facts. Every order is resolved from keys and signals alone, never from
-- another order's stored link: a parent's link may be on its way in a transaction that nobody sees yet, its
-- key and its signal are facts.

-- The orders that an order names, whether anything is known of them or not.
CREATE VIEW order_ancestry AS
SELECT order_id, order_time, parent_order_id AS ancestor_id FROM trade_records
WHERE parent_order_id IS NOT NULL
UNION ALL
SELECT order_id, order_time, replaces_order_id FROM trade_records WHERE replaces_order_id IS NOT NULL;

-- The order whose position an order closes: its own parent, else that of the order it replaces, else the order
-- of the key that its signal names.
CREATE VIEW order_parents AS
SELECT t.order_id,
       coalesce(t.parent_order_id, replaced.parent_order_id, (
         SELECT min(entry.order_id)
         FROM trade_strategy_link link
         JOIN strategy_signals s ON s.client_order_id = link.client_order_id AND s.bot_id = link.bot_id
          AND s.meaning = link.meaning
         JOIN trade_records entry ON entry.client_order_id = s.parent_client_order_id
          AND entry.venue = t.venue AND entry.account = t.account
         WHERE link.order_id = t.order_id AND link.method <> 'parent'
       )) AS parent_order_id
FROM trade_records t
LEFT JOIN trade_records replaced ON replaced.order_id = t.replaces_order_id;

-- A signal that was decided so much later than the order was placed is another use of its key. Clocks of bots
-- and venues differ by less, and keys are not taken twice within the weeks that the hot store keeps them.
CREATE FUNCTION max_signal_lag() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT interval '1 day'
$$;

-- What the facts say of an order's link. Of the three outcomes an order may have two: no signal has its own
-- key, and it is linked through another order's.
CREATE TYPE link_outcome AS (
  order_id text COLLATE "C",
  -- 'link'; 'veto', when a signal fits and something stands in the way; 'missing', when no signal has its key.
  outcome text COLLATE "C",
  veto text COLLATE "C",
  -- Under which bots' names a missing signal may live.
  lookups text[] COLLATE "C",
  -- The columns of trade_strategy_link; of the other outcomes only the key.
  bot_id text COLLATE "C",
  client_order_id text COLLATE "C",
  meaning text COLLATE "C",
  snapshot_id uuid,
  buy_score numeric,
  sell_score numeric,
  trigger_type text COLLATE "C",
  indicators_fired text[],
  indicator_breakdown jsonb,
  arm text COLLATE "C",
  origin text COLLATE "C",
  signalled_at timestamptz,
  signal_price numeric,
  method text COLLATE "C",
  -- The order as it is stored now, and where.
  order_trigger text COLLATE "C",
  order_origin text COLLATE "C",
  order_row tid
);

-- The outcomes of these orders. An array of keys is looked up in an index whatever the planner believes of
-- the table; a join may be turned into a comparison with all of it. The fences (OFFSET 0) keep the arrays out
-- of a join's inner loop, where they would be searched, and sorted, anew for each row.
CREATE FUNCTION resolve_links(order_ids text[]) RETURNS SETOF link_outcome
LANGUAGE sql STABLE PARALLEL SAFE AS $$
WITH RECURSIVE chain AS (
  -- Upward from each order, one ancestor at a time: what an order replaces, then its parent, then what was
  -- postponed on the way. A parent counts once the child's own order event is there.
  SELECT order_id AS root, symbol AS root_symbol, side AS root_side, trigger_type AS root_trigger,
         origin AS root_origin, ctid AS root_row, 0 AS step, false AS by_parent,
         '{}'::text[] COLLATE "C" AS postponed, order_id, venue, account, symbol, side, client_order_id,
         key_is_ours, bot_id, replaces_order_id, parent_order_id, event_count,
         coalesce(placed_at, order_time) AS placed
  FROM trade_records
  WHERE order_id = ANY (order_ids COLLATE "C")
  UNION ALL
  SELECT c.root, c.root_symbol, c.root_side, c.root_trigger, c.root_origin, c.root_row, c.step + 1,
         c.by_parent OR c.replaces_order_id IS NULL, next.postponed, t.order_id, t.venue, t.account, t.symbol,
         t.side, t.client_order_id, t.key_is_ours, t.bot_id, t.replaces_order_id, t.parent_order_id,
         t.event_count, coalesce(t.placed_at, t.order_time)
  FROM chain c
  CROSS JOIN LATERAL (
    SELECT CASE WHEN c.event_count > 0 THEN c.parent_order_id END AS parent OFFSET 0
  ) counted
  CROSS JOIN LATERAL (
    SELECT coalesce(c.replaces_order_id, counted.parent, c.postponed[1]) AS ancestor,
           CASE WHEN c.replaces_order_id IS NULL AND counted.parent IS NULL THEN c.postponed[2:]
                WHEN c.replaces_order_id IS NOT NULL AND counted.parent <> ALL (c.postponed)
                  THEN counted.parent || c.postponed
                ELSE c.postponed END AS postponed
  ) next
  -- An ancestor of which nothing is known, or the order itself, leads to what was postponed.
  LEFT JOIN LATERAL (
    SELECT * FROM trade_records WHERE order_id = next.ancestor AND order_id <> c.root OFFSET 0
  ) t ON true
  WHERE c.step < 256 AND next.ancestor IS NOT NULL AND (t.order_id IS NOT NULL OR next.postponed <> '{}')
), shared AS (
  -- Keys of several orders: only these can have been used before.
  SELECT client_order_id FROM (
    SELECT client_order_id FROM trade_records
    WHERE client_order_id = ANY (array(SELECT client_order_id FROM chain))
    OFFSET 0
  ) used
  WHERE client_order_id IS NOT NULL GROUP BY client_order_id HAVING count(*) > 1
), paired AS (
  SELECT c.root, c.root_symbol, c.root_side, c.root_trigger, c.root_origin, c.root_row,
         c.step, c.by_parent, c.order_id, c.venue, c.account, c.placed, c.symbol,
         c.side, s.bot_id, s.client_order_id, s.meaning, s.snapshot_id, s.signalled_at,
         s.symbol AS signal_symbol, s.side AS signal_side, s.ctid AS signal_row
  FROM chain c
  JOIN (
    SELECT *, ctid FROM strategy_signals
    WHERE client_order_id = ANY (array(SELECT client_order_id FROM chain))
    OFFSET 0
  ) s ON s.client_order_id = c.client_order_id
   AND CASE WHEN c.key_is_ours THEN s.key_is_ours
            WHEN c.bot_id IS NOT NULL THEN s.bot_id = c.bot_id
            ELSE EXISTS (SELECT FROM bots b
                         WHERE b.bot_id = s.bot_id AND b.venue = c.venue AND b.account = c.account) END
   AND NOT coalesce(s.signalled_at > c.placed + max_signal_lag(), false)
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
                                                  + max_signal_lag(), false)
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
), missing AS (
  SELECT c.order_id, c.client_order_id,
         CASE WHEN c.key_is_ours THEN ARRAY['sighook']
              WHEN c.bot_id IS NOT NULL THEN ARRAY[c.bot_id]
              ELSE ARRAY(SELECT DISTINCT b.bot_id FROM bots b
                         WHERE b.venue = c.venue AND b.account = c.account ORDER BY 1) END AS lookups
  FROM chain c
  WHERE c.step = 0 AND c.client_order_id IS NOT NULL
    AND c.root NOT IN (SELECT root FROM candidates WHERE step = 0)
)
-- The signal's row again, now that few are left. What a venue triggered says itself what triggered it.
SELECT order_id, 'link', NULL, NULL::text[], s.bot_id, s.client_order_id, s.meaning, s.snapshot_id,
       s.buy_score, s.sell_score,
       CASE method WHEN 'parent' THEN (SELECT min(trigger) FROM order_events e
                                       WHERE e.order_id = judged.order_id)
                   ELSE s.trigger_type END,
       s.indicators_fired, s.indicator_breakdown, s.arm,
       CASE method WHEN 'parent' THEN NULL ELSE s.origin END,
       s.signalled_at, s.price, method, root_trigger, root_origin, root_row
FROM judged JOIN strategy_signals s ON s.ctid = judged.signal_row
WHERE veto IS NULL
UNION ALL
SELECT order_id, 'veto', veto, NULL, NULL, client_order_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM judged WHERE veto IS NOT NULL
UNION ALL
SELECT order_id, 'missing', NULL, lookups, NULL, client_order_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM missing WHERE cardinality(lookups) > 0
$$;
