-- The links that an order had before.
SELECT * FROM trade_strategy_link_history
WHERE order_id = %(order_id)s
ORDER BY history_id
