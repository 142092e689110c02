-- Forgets what was counted of the locked orders, as they are before they change.
WITH scope AS MATERIALIZED (
  SELECT current_setting('linkage.scope')::text[] COLLATE "C" AS ids
)
DELETE FROM rolled_rates WHERE bucket = ANY (array(
  SELECT DISTINCT rate_bucket(order_time) FROM trade_records
  WHERE order_id = ANY ((SELECT ids FROM scope)::text[])
))
