-- The orders first recorded since a moment, oldest first.
SELECT first_recorded_at, order_id FROM trade_records
WHERE first_recorded_at >= %(start)s AND (first_recorded_at, order_id) > (%(start)s, %(after)s)
ORDER BY first_recorded_at, order_id
LIMIT %(limit)s
