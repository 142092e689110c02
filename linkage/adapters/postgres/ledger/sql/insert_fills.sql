-- A batch's fills and their receipts, as one JSON array. What is there already is left alone. Rows go in by
-- key order, here and in every file, so that two batches with the same facts wait for each other and do not
-- deadlock. Leaves the orders with anything new, and those that got several fills at once, to the statements
-- that follow.
WITH incoming AS MATERIALIZED (
  SELECT order_id, fill_id, venue, account, coalesce(kind, 'FILL') AS kind, refers_to, symbol, side,
         trim_scale(price) AS price, trim_scale(quantity) AS quantity,
         coalesce(quantity_unit, 'base') AS quantity_unit, trim_scale(fee) AS fee, fee_currency, executed_at,
         trim_scale(cumulative_quantity) AS cumulative_quantity, trim_scale(average_price) AS average_price,
         trim_scale(total_fees) AS total_fees, status, ingest_via, message_id, venue_order_id, bot_id,
         client_order_id, coalesce(key_is_ours, false) AS key_is_ours, parent_order_id, replaces_order_id,
         position_side, reduce_only, position_id, origin, liquidity, raw,
         fill_economics(kind, refers_to, symbol, side, price, quantity, quantity_unit, fee, fee_currency,
                        executed_at, cumulative_quantity, average_price, total_fees, status) AS economics,
         fill_receipt(fill_id, venue, account, ingest_via, message_id, bot_id, client_order_id, parent_order_id,
                      replaces_order_id, position_side, reduce_only, position_id, origin, liquidity,
                      executed_at) AS receipt
  FROM json_to_recordset(%(facts)s::json) AS fact (
    order_id text, fill_id text, venue text, account text, kind text, refers_to text, symbol text, side text,
    price numeric, quantity numeric, quantity_unit text, fee numeric, fee_currency text,
    executed_at timestamptz, cumulative_quantity numeric, average_price numeric, total_fees numeric,
    status text, ingest_via text, message_id text, venue_order_id text, bot_id text, client_order_id text,
    key_is_ours boolean, parent_order_id text, replaces_order_id text, position_side text,
    reduce_only boolean, position_id text, origin text, liquidity text, raw json
  )
), new_fills AS (
  INSERT INTO fills (order_id, fill_id, venue, account, economics, kind, refers_to, symbol, side, price,
                     quantity, quantity_unit, fee, fee_currency, executed_at, cumulative_quantity,
                     average_price, total_fees, status)
  SELECT order_id, fill_id, venue, account, economics, kind, refers_to, symbol, side, price, quantity,
         quantity_unit, fee, fee_currency, executed_at, cumulative_quantity, average_price, total_fees, status
  FROM incoming ORDER BY order_id, fill_id, venue, account, economics
  ON CONFLICT DO NOTHING
  RETURNING order_id
), new_receipts AS (
  INSERT INTO fill_receipts (order_id, receipt, fill_id, venue, account, ingest_via, message_id,
                             venue_order_id, bot_id, client_order_id, key_is_ours, parent_order_id,
                             replaces_order_id, position_side, reduce_only, position_id, origin, liquidity,
                             executed_at, raw)
  SELECT order_id, receipt, fill_id, venue, account, ingest_via, message_id, venue_order_id, bot_id,
         client_order_id, key_is_ours, parent_order_id, replaces_order_id, position_side, reduce_only,
         position_id, origin, liquidity, executed_at, raw
  FROM incoming ORDER BY order_id, receipt
  ON CONFLICT DO NOTHING
  RETURNING order_id
)
SELECT (SELECT count(*) FROM new_fills) AS new_facts,
       (SELECT array_agg(DISTINCT order_id) FROM incoming) AS order_ids,
       set_config('linkage.scope', array(SELECT order_id FROM new_fills
                                         UNION SELECT order_id FROM new_receipts)::text, true) AS scope,
       set_config('linkage.doubled', array(SELECT order_id FROM new_fills
                                           GROUP BY order_id HAVING count(*) > 1)::text, true) AS doubled
