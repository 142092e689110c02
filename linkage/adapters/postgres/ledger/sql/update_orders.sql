-- The locked orders, brought up to date where anything differs.
WITH scope AS MATERIALIZED (
  SELECT current_setting('linkage.scope')::text[] COLLATE "C" AS ids
), derived AS (
  SELECT o.* FROM scope CROSS JOIN LATERAL derive_orders(scope.ids, linked => true) o
), changed AS (
  UPDATE trade_records t
  SET (venue, account, venue_order_id, bot_id, client_order_id, key_is_ours, symbol, side, position_side,
       reduce_only, position_id, status, venue_status, order_type, trigger_type, origin, ingest_via, size,
       filled_quantity, quantity_unit, average_price, notional, fee, fee_currency, fees, order_time,
       placed_at, ended_at, parent_order_id, replaces_order_id, fill_count, event_count, updated_at)
    = ROW (d.venue, d.account, d.venue_order_id, d.bot_id, d.client_order_id, d.key_is_ours, d.symbol,
           d.side, d.position_side, d.reduce_only, d.position_id, d.status, d.venue_status, d.order_type,
           d.trigger_type, d.origin, d.ingest_via, d.size, d.filled_quantity, d.quantity_unit,
           d.average_price, d.notional, d.fee, d.fee_currency, d.fees, d.order_time, d.placed_at,
           d.ended_at, d.parent_order_id, d.replaces_order_id, d.fill_count, d.event_count,
           clock_timestamp())
  FROM derived d
  WHERE t.order_id = d.order_id
    AND (t.venue, t.account, t.venue_order_id, t.bot_id, t.client_order_id, t.key_is_ours, t.symbol, t.side,
         t.position_side, t.reduce_only, t.position_id, t.status, t.venue_status, t.order_type,
         t.trigger_type, t.origin, t.ingest_via, t.size, t.filled_quantity, t.quantity_unit,
         t.average_price, t.notional, t.fee, t.fee_currency, t.fees, t.order_time, t.placed_at, t.ended_at,
         t.parent_order_id, t.replaces_order_id, t.fill_count, t.event_count)
      IS DISTINCT FROM
        (d.venue, d.account, d.venue_order_id, d.bot_id, d.client_order_id, d.key_is_ours, d.symbol, d.side,
         d.position_side, d.reduce_only, d.position_id, d.status, d.venue_status, d.order_type,
         d.trigger_type, d.origin, d.ingest_via, d.size, d.filled_quantity, d.quantity_unit,
         d.average_price, d.notional, d.fee, d.fee_currency, d.fees, d.order_time, d.placed_at, d.ended_at,
         d.parent_order_id, d.replaces_order_id, d.fill_count, d.event_count)
  RETURNING t.order_id, t.order_time
), invalidated AS (
  -- The rates counted of these orders and of those that name them.
  DELETE FROM rolled_rates WHERE bucket = ANY (array(
    SELECT rate_bucket(order_time) FROM changed
    UNION SELECT rate_bucket(order_time) FROM order_ancestry
    WHERE ancestor_id = ANY (array(SELECT order_id FROM changed))
  ))
)
SELECT count(*) FROM changed
