-- The orders that a venue calls by an id, or that ever had a key; reads whole tables.
SELECT order_id FROM trade_records
WHERE venue_order_id = %(identifier)s
   OR order_id IN (SELECT order_id FROM order_events WHERE client_order_id = ANY (%(ids)s)
                   UNION ALL
                   SELECT order_id FROM fill_receipts WHERE client_order_id = ANY (%(ids)s))
ORDER BY order_time DESC NULLS LAST, order_id LIMIT %(limit)s
