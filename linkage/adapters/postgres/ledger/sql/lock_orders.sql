-- The orders with new facts that had a row before, locked by key order, so that the next statement sees the
-- facts of whoever held them before.
WITH scope AS MATERIALIZED (
  SELECT current_setting('linkage.scope')::text[] COLLATE "C" AS ids
)
SELECT count(*) FROM (
  SELECT FROM trade_records WHERE order_id = ANY ((SELECT ids FROM scope)::text[])
  ORDER BY order_id FOR NO KEY UPDATE
) locked
