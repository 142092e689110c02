-- Every order against what its facts and its link say. All its columns count but the clock's stamps. Returns
-- how many rows there are, and the ids of those that differ.
SELECT count(*) AS rows, array_agg(order_id ORDER BY order_id) FILTER (WHERE differs) AS offenders
FROM order_chunks chunk
CROSS JOIN LATERAL (
  SELECT coalesce(t.order_id, d.order_id) AS order_id,
         to_jsonb(t) - '{first_recorded_at,updated_at}'::text[]
           IS DISTINCT FROM to_jsonb(d) - '{first_recorded_at,updated_at}'::text[] AS differs
  FROM (SELECT * FROM trade_records WHERE order_id = ANY (chunk.order_ids)) t
  FULL JOIN derive_orders(chunk.order_ids, linked => true) d ON d.order_id = t.order_id
) compared
