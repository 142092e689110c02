-- The latest of the orders that were first recorded in a window and executed before it.
SELECT late.mode, late.disposition, late.reason, late.bot_id, details.*
FROM (SELECT * FROM late_orders(%(start)s, %(end)s) OFFSET 0) late
JOIN order_details details USING (order_id)
ORDER BY details.order_time DESC, details.order_id LIMIT %(late_orders)s
