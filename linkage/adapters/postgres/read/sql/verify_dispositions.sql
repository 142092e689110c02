-- Every executed order has one disposition. Returns how many rows there are, and the ids of those that
-- differ.
SELECT count(*) AS rows, array_agg(order_id ORDER BY order_id) FILTER (WHERE shown <> 1) AS offenders
FROM (
  SELECT t.order_id, count(d.disposition) AS shown
  FROM trade_records t LEFT JOIN order_dispositions d USING (order_id)
  WHERE t.status IN ('filled', 'done')
  GROUP BY t.order_id
) counted
