-- The parent, the predecessor, the children and the successors of an order.
SELECT other.order_id, other.symbol, other.side, other.status, other.order_time,
       CASE WHEN other.parent_order_id = tr.order_id THEN 'child'
            WHEN other.replaces_order_id = tr.order_id THEN 'successor'
            WHEN other.order_id = tr.parent_order_id THEN 'parent' ELSE 'predecessor' END AS relation
FROM trade_records tr
JOIN trade_records other
  ON other.parent_order_id = tr.order_id OR other.replaces_order_id = tr.order_id
  OR other.order_id = tr.parent_order_id OR other.order_id = tr.replaces_order_id
WHERE tr.order_id = %(order_id)s AND other.order_id <> tr.order_id
ORDER BY other.order_time, other.order_id
