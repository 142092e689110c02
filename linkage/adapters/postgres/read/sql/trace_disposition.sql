-- What became of an order.
SELECT disposition, reason, expected, executed, bot_id, mode FROM order_dispositions
WHERE order_id = %(order_id)s
