-- The lots that late orders of a window are in and that were closed before it, by mode and currency.
WITH late AS MATERIALIZED (
  SELECT array_agg(order_id) AS order_ids FROM late_orders(%(start)s, %(end)s)
), lots_of_late_orders AS (
  SELECT allocation_id FROM fifo_allocations
  WHERE entry_order_id = ANY ((SELECT order_ids FROM late)::text[] COLLATE "C")
  UNION
  SELECT allocation_id FROM fifo_allocations
  WHERE exit_order_id = ANY ((SELECT order_ids FROM late)::text[] COLLATE "C")
)
SELECT coalesce(bot.mode, 'unknown') AS mode, a.quote_currency AS currency, count(*) AS late_lots,
       coalesce(sum(a.net_pnl), 0) AS late_pnl
FROM lots_of_late_orders JOIN fifo_allocations a USING (allocation_id)
JOIN lot_books b USING (book)
LEFT JOIN lot_owners bot ON bot.owner = b.owner
WHERE a.closed_at < %(start)s
GROUP BY 1, 2
