-- Every fill against the hash that it was recorded with. Returns how many rows there are, and the ids of
-- those that differ.
SELECT count(*) AS rows,
       array_agg(order_id || ' ' || fill_id ORDER BY order_id, fill_id)
         FILTER (WHERE economics <> fill_economics(
           kind, refers_to, symbol, side, price, quantity, quantity_unit, fee, fee_currency, executed_at,
           cumulative_quantity, average_price, total_fees, status)) AS offenders
FROM fills
