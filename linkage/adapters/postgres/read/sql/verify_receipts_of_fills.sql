-- Every fill has a receipt, and every receipt a fill. Returns how many rows there are, and the ids of those
-- that differ.
SELECT count(*) AS rows,
       array_agg(order_id || ' ' || fill_id ORDER BY order_id, fill_id)
         FILTER (WHERE is_fill IS NULL OR is_receipt IS NULL) AS offenders
FROM (SELECT DISTINCT order_id, fill_id, venue, account, true AS is_fill FROM fills) fills
FULL JOIN (SELECT DISTINCT order_id, fill_id, venue, account, true AS is_receipt FROM fill_receipts) receipts
  USING (order_id, fill_id, venue, account)
