-- The next orders that changed, with the moment of the change. A function of the stamps of orders and links,
-- and, where their tables have rows since then, of bots, rates and trading rules.
SELECT changed_at, order_id
FROM (
  SELECT order_id, updated_at AS changed_at FROM trade_records WHERE updated_at >= %(since)s
  UNION ALL
  SELECT order_id, linked_at FROM trade_strategy_link WHERE linked_at >= %(since)s
  UNION ALL
  SELECT order_id, ended_at FROM trade_strategy_link_history WHERE ended_at >= %(since)s
  UNION ALL
  -- Of the orders on a bot's account those count that have executed and are in no row of their book. This and
  -- the two below read many orders, and there is seldom a reason to: each begins with a constant.
  SELECT o.order_id, bot.changed_at
  FROM (
    SELECT venue, account, max(recorded_at) AS changed_at FROM bots WHERE recorded_at >= %(since)s
    GROUP BY venue, account
  ) bot
  JOIN lot_orders o USING (venue, account)
  JOIN trade_records t ON t.order_id = o.order_id AND t.filled_quantity > 0
  WHERE %(with_bots)s
    AND NOT EXISTS (SELECT FROM fifo_allocations a WHERE a.entry_order_id = o.order_id AND a.book = o.book)
    AND NOT EXISTS (SELECT FROM fifo_allocations a WHERE a.exit_order_id = o.order_id AND a.book = o.book)
    AND NOT EXISTS (SELECT FROM fifo_open_lots l WHERE l.order_id = o.order_id AND l.book = o.book)
    AND NOT EXISTS (SELECT FROM fifo_unmatched_exits u WHERE u.order_id = o.order_id AND u.book = o.book)
  UNION ALL
  SELECT f.order_id, r.recorded_at
  FROM conversion_rates r
  JOIN fills f ON f.fee_currency IN (r.base_currency, r.quote_currency)
   AND date_trunc('minute', f.executed_at) = r.minute
  WHERE %(with_rates)s AND r.recorded_at >= %(since)s
  UNION ALL
  SELECT t.order_id, r.recorded_at
  FROM trading_rules r JOIN trade_records t USING (venue, symbol)
  WHERE %(with_rules)s AND r.recorded_at >= %(since)s
) changed
WHERE (changed_at, order_id) > (%(since)s, %(after_order_id)s)
GROUP BY changed_at, order_id
ORDER BY changed_at, order_id LIMIT %(limit)s
