-- How the fills of an order came in.
SELECT fill_id, ingest_via, message_id, client_order_id, received_at FROM fill_receipts
WHERE order_id = %(order_id)s
ORDER BY received_at, receipt
