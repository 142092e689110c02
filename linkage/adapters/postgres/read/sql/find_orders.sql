-- The orders with an id or a key, by index.
SELECT order_id FROM trade_records
WHERE order_id = ANY (%(ids)s) OR client_order_id = ANY (%(ids)s)
ORDER BY order_time DESC NULLS LAST, order_id LIMIT %(limit)s
