-- The books that orders, and the orders that name them, were or are in, each with the earliest moment at
-- which it may have changed. Where an order was is a function of the rows that it made; where it belongs
-- now, of its view.
WITH asked AS MATERIALIZED (
  SELECT order_id FROM unnest(%(order_ids)s::text[] COLLATE "C") AS asked(order_id)
  UNION
  SELECT order_id FROM trade_records WHERE parent_order_id = ANY (%(order_ids)s::text[] COLLATE "C")
  UNION
  SELECT order_id FROM trade_records WHERE replaces_order_id = ANY (%(order_ids)s::text[] COLLATE "C")
), related AS MATERIALIZED (
  SELECT array(SELECT order_id FROM asked) AS order_ids
), affected AS (
  SELECT o.book, o.order_id, first_fill.at
  FROM lot_orders o
  JOIN (
    SELECT order_id, min(executed_at) AS at FROM fills
    WHERE order_id = ANY ((SELECT order_ids FROM related)::text[]) GROUP BY order_id
  ) first_fill USING (order_id)
  WHERE o.order_id = ANY ((SELECT order_ids FROM related)::text[])
  UNION ALL
  SELECT book, entry_order_id, opened_at FROM fifo_allocations
  WHERE entry_order_id = ANY ((SELECT order_ids FROM related)::text[])
  UNION ALL
  SELECT book, exit_order_id, closed_at FROM fifo_allocations
  WHERE exit_order_id = ANY ((SELECT order_ids FROM related)::text[])
  UNION ALL
  SELECT book, order_id, opened_at FROM fifo_open_lots
  WHERE order_id = ANY ((SELECT order_ids FROM related)::text[])
  UNION ALL
  SELECT book, order_id, executed_at FROM fifo_unmatched_exits
  WHERE order_id = ANY ((SELECT order_ids FROM related)::text[])
)
SELECT book, min(at) AS earliest_at, array_agg(DISTINCT order_id) AS order_ids
FROM affected GROUP BY book ORDER BY book
