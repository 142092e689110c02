-- The orders among those with new facts that have no row. Whoever inserts a row has seen all committed facts
-- of that order, since each transaction with such a fact inserts or locks the row; orders with rows, of
-- others too, remain for the statements that follow.
WITH scope AS MATERIALIZED (
  SELECT array(
    SELECT id FROM unnest(current_setting('linkage.scope')::text[]) AS ids (id)
    WHERE id COLLATE "C" NOT IN (
      SELECT order_id FROM trade_records
      WHERE order_id = ANY (current_setting('linkage.scope')::text[] COLLATE "C")
    )
  ) AS ids
), inserted AS (
  INSERT INTO trade_records (order_id, venue, account, venue_order_id, bot_id, client_order_id, key_is_ours,
                             symbol, side, position_side, reduce_only, position_id, status, venue_status,
                             order_type, trigger_type, origin, ingest_via, size, filled_quantity,
                             quantity_unit, average_price, notional, fee, fee_currency, fees, order_time,
                             placed_at, ended_at, parent_order_id, replaces_order_id, fill_count,
                             event_count)
  SELECT order_id, venue, account, venue_order_id, bot_id, client_order_id, key_is_ours, symbol, side,
         position_side, reduce_only, position_id, status, venue_status, order_type, trigger_type, origin,
         ingest_via, size, filled_quantity, quantity_unit, average_price, notional, fee, fee_currency, fees,
         order_time, placed_at, ended_at, parent_order_id, replaces_order_id, fill_count, event_count
  FROM scope CROSS JOIN LATERAL derive_orders(scope.ids, linked => false)
  ORDER BY order_id
  ON CONFLICT (order_id) DO NOTHING
  RETURNING order_id, order_time
), invalidated AS (
  -- The rates counted of these orders and of those that name them.
  DELETE FROM rolled_rates WHERE bucket = ANY (array(
    SELECT rate_bucket(order_time) FROM inserted
    UNION SELECT rate_bucket(order_time) FROM order_ancestry
    WHERE ancestor_id = ANY (array(SELECT order_id FROM inserted))
  ))
)
SELECT set_config('linkage.scope', array(
  SELECT id FROM unnest(current_setting('linkage.scope')::text[]) AS ids (id)
  WHERE id COLLATE "C" NOT IN (SELECT order_id FROM inserted)
)::text, true)
