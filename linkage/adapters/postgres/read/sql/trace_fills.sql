-- The fills of an order that count.
SELECT fill_id, kind, refers_to, price, quantity, quantity_unit, fee, fee_currency, executed_at,
       cumulative_quantity, average_price, total_fees, recorded_at
FROM counted_fills
WHERE order_id = %(order_id)s
ORDER BY executed_at, fill_id
