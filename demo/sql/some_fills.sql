-- Sixty fills of the ledger, each as a poll of its venue would report it.
SELECT DISTINCT f.order_id, r.venue_order_id, f.fill_id, f.venue, f.account, f.kind, f.symbol,
       f.side, f.price, f.quantity, f.quantity_unit, f.fee, f.fee_currency,
       to_char(f.executed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS executed_at
FROM counted_fills f JOIN fill_receipts r USING (order_id, fill_id, venue, account)
WHERE f.kind = 'FILL'
ORDER BY f.order_id, f.fill_id
LIMIT 60
