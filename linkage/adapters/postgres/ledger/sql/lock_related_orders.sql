-- The orders that a batch touched, those that share their keys, and all that descend from these, locked by
-- key order before anything is read of them. Leaves them to the next statement.
WITH RECURSIVE named_orders AS (
  SELECT t.order_id, t.client_order_id, t.venue, t.account
  FROM trade_records t WHERE t.order_id = ANY (%(orders)s::text[] COLLATE "C")
  UNION ALL
  SELECT t.order_id, t.client_order_id, t.venue, t.account
  FROM trade_records t WHERE t.client_order_id = ANY (%(keys)s::text[] COLLATE "C")
), order_keys AS (
  -- Each key that a touched order was ever said to have: it may have had another until now.
  SELECT client_order_id FROM named_orders
  UNION
  SELECT client_order_id FROM fill_receipts WHERE order_id = ANY (%(orders)s::text[] COLLATE "C")
  UNION
  SELECT client_order_id FROM order_events WHERE order_id = ANY (%(orders)s::text[] COLLATE "C")
), related AS (
  SELECT order_id FROM named_orders
  UNION
  -- An earlier order with the same key may have ended, which stands in the way of the later one.
  SELECT other.order_id FROM (
    SELECT * FROM trade_records WHERE client_order_id = ANY (array(SELECT client_order_id FROM order_keys))
    OFFSET 0
  ) other
  WHERE (other.venue, other.account) IN (SELECT venue, account FROM named_orders)
  UNION
  SELECT descendant.order_id FROM related CROSS JOIN LATERAL (
    SELECT order_id FROM order_ancestry WHERE ancestor_id = related.order_id OFFSET 0
  ) descendant
), locked AS (
  SELECT order_id FROM trade_records WHERE order_id = ANY (array(SELECT order_id FROM related))
  ORDER BY order_id FOR NO KEY UPDATE
)
SELECT set_config('linkage.scope', array(SELECT order_id FROM locked)::text, true)
