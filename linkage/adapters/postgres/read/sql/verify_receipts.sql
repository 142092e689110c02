-- Every receipt against the hash that it was recorded with. Returns how many rows there are, and the ids of
-- those that differ.
SELECT count(*) AS rows,
       array_agg(order_id || ' ' || fill_id ORDER BY order_id, fill_id)
         FILTER (WHERE receipt <> fill_receipt(
           fill_id, venue, account, ingest_via, message_id, bot_id, client_order_id, parent_order_id,
           replaces_order_id, position_side, reduce_only, position_id, origin, liquidity, executed_at))
         AS offenders
FROM fill_receipts
