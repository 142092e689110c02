-- The signal that an order's link says decided it.
SELECT s.* FROM strategy_signals s
JOIN trade_strategy_link link USING (bot_id, client_order_id)
WHERE link.order_id = %(order_id)s
ORDER BY s.meaning = link.meaning DESC LIMIT 1
