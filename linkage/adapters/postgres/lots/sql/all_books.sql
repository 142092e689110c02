-- Every book that there should be, with its orders, as if all of it had changed. A function of the view
-- that says where an order belongs.
SELECT o.book, %(beginning)s::timestamptz AS earliest_at, array_agg(o.order_id) AS order_ids
FROM lot_orders o JOIN (SELECT DISTINCT order_id FROM fills) executed USING (order_id)
GROUP BY o.book ORDER BY o.book
