-- The links and vetoes of the locked orders, made what their facts say; a link that is replaced goes to the
-- history. Returns a row for each link that was made or removed, for each conflict, and for each key without a
-- signal. Leaves the orders that have to be derived anew to the next statement.
WITH scope AS MATERIALIZED (
  SELECT current_setting('linkage.scope')::text[] COLLATE "C" AS ids
), resolved AS MATERIALIZED (
  SELECT r.* FROM scope CROSS JOIN LATERAL resolve_links(scope.ids) r
), wanted AS NOT MATERIALIZED (
  SELECT * FROM resolved WHERE outcome = 'link'
), present AS MATERIALIZED (
  SELECT l.* FROM trade_strategy_link l WHERE l.order_id = ANY ((SELECT ids FROM scope)::text[])
), ended AS (
  -- These columns say which link it is.
  SELECT p.*, w.snapshot_id AS next_snapshot_id, w.order_id IS NULL AS removed
  FROM present p LEFT JOIN wanted w USING (order_id)
  WHERE (p.bot_id, p.client_order_id, p.meaning, p.snapshot_id, p.method)
        IS DISTINCT FROM (w.bot_id, w.client_order_id, w.meaning, w.snapshot_id, w.method)
), archived AS (
  INSERT INTO trade_strategy_link_history (order_id, bot_id, client_order_id, snapshot_id, buy_score,
    sell_score, trigger_type, indicators_fired, indicator_breakdown, arm, signalled_at, signal_price, method,
    linked_at, next_snapshot_id)
  SELECT order_id, bot_id, client_order_id, snapshot_id, buy_score, sell_score, trigger_type,
    indicators_fired, indicator_breakdown, arm, signalled_at, signal_price, method, linked_at,
    next_snapshot_id
  FROM ended ORDER BY order_id
), deleted AS (
  DELETE FROM trade_strategy_link l USING ended WHERE ended.removed AND l.order_id = ended.order_id
), changed AS (
  SELECT w.*, p.order_id IS NOT NULL AS relinked,
         p.order_id IS NULL AND (
           w.method = 'parent'
           OR coalesce(lower(w.origin) NOT IN ('test', 'unknown'), true)
              AND coalesce(lower(w.order_origin) <> 'test', true)
         ) AS simple
  FROM wanted w LEFT JOIN present p USING (order_id)
  WHERE p.order_id IS NULL
     OR (p.bot_id, p.client_order_id, p.meaning, p.snapshot_id, p.buy_score, p.sell_score, p.trigger_type,
         p.indicators_fired, p.indicator_breakdown, p.arm, p.origin, p.signalled_at, p.signal_price, p.method)
        IS DISTINCT FROM
        (w.bot_id, w.client_order_id, w.meaning, w.snapshot_id, w.buy_score, w.sell_score, w.trigger_type,
         w.indicators_fired, w.indicator_breakdown, w.arm, w.origin, w.signalled_at, w.signal_price, w.method)
), inserted AS (
  INSERT INTO trade_strategy_link (order_id, bot_id, client_order_id, meaning, snapshot_id, buy_score,
    sell_score, trigger_type, indicators_fired, indicator_breakdown, arm, origin, signalled_at, signal_price,
    method)
  SELECT order_id, bot_id, client_order_id, meaning, snapshot_id, buy_score, sell_score, trigger_type,
    indicators_fired, indicator_breakdown, arm, origin, signalled_at, signal_price, method
  FROM changed WHERE NOT relinked ORDER BY order_id
), updated AS (
  UPDATE trade_strategy_link l
  SET (bot_id, client_order_id, meaning, snapshot_id, buy_score, sell_score, trigger_type, indicators_fired,
       indicator_breakdown, arm, origin, signalled_at, signal_price, method, linked_at)
    = ROW (c.bot_id, c.client_order_id, c.meaning, c.snapshot_id, c.buy_score, c.sell_score, c.trigger_type,
           c.indicators_fired, c.indicator_breakdown, c.arm, c.origin, c.signalled_at, c.signal_price,
           c.method, clock_timestamp())
  FROM changed c WHERE c.relinked AND l.order_id = c.order_id
), vetoes AS NOT MATERIALIZED (
  SELECT order_id, client_order_id, veto FROM resolved WHERE outcome = 'veto'
), deleted_vetoes AS (
  DELETE FROM link_vetoes v
  WHERE v.order_id = ANY ((SELECT ids FROM scope)::text[])
    AND NOT EXISTS (SELECT FROM vetoes WHERE vetoes.order_id = v.order_id)
), inserted_vetoes AS (
  INSERT INTO link_vetoes (order_id, client_order_id, reason)
  SELECT order_id, client_order_id, veto FROM vetoes ORDER BY order_id
  ON CONFLICT (order_id) DO UPDATE SET client_order_id = excluded.client_order_id, reason = excluded.reason
  WHERE (link_vetoes.client_order_id, link_vetoes.reason)
        IS DISTINCT FROM (excluded.client_order_id, excluded.reason)
), lent AS (
  -- A first link lends its order the signal's trigger and origin. It is what derive_orders would do, without
  -- reading the facts again.
  UPDATE trade_records t
  SET trigger_type = coalesce(c.trigger_type, t.trigger_type),
      origin = coalesce(c.origin, t.origin),
      updated_at = clock_timestamp()
  FROM changed c
  WHERE c.simple AND c.method <> 'parent' AND t.ctid = c.order_row
    AND (c.trigger_type <> c.order_trigger OR c.order_trigger IS NULL AND c.trigger_type IS NOT NULL
         OR c.origin <> c.order_origin OR c.order_origin IS NULL AND c.origin IS NOT NULL)
), passed_on AS (
  SELECT set_config('linkage.scope', array(
    SELECT order_id FROM ended UNION SELECT order_id FROM changed WHERE NOT simple
  )::text, true)
)
SELECT 'made' AS what, c.order_id, c.client_order_id, c.snapshot_id, c.method,
       ended.order_id IS NOT NULL AS relinked,
       coalesce(ended.snapshot_id <> c.snapshot_id, false) AS snapshot_changed, NULL::text[] AS lookups
FROM changed c LEFT JOIN ended USING (order_id)
WHERE NOT c.relinked OR ended.order_id IS NOT NULL
UNION ALL
SELECT 'removed', order_id, NULL, NULL, NULL, NULL, NULL, NULL FROM ended WHERE removed
UNION ALL
SELECT 'conflict', order_id, NULL, NULL, NULL, NULL, NULL, NULL FROM vetoes WHERE veto <> 'no_snapshot'
UNION ALL
SELECT 'missing', order_id, client_order_id, NULL, NULL, NULL, NULL, lookups FROM resolved
WHERE outcome = 'missing'
UNION ALL
SELECT 'scope', NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM passed_on
