-- Every veto of a link against what the keys and signals say. Returns how many rows there are, and the ids of
-- those that differ.
SELECT count(*) AS rows, array_agg(order_id ORDER BY order_id) FILTER (WHERE differs) AS offenders
FROM order_chunks chunk
CROSS JOIN LATERAL (
  SELECT coalesce(v.order_id, w.order_id) AS order_id,
         (v.client_order_id, v.reason) IS DISTINCT FROM (w.client_order_id, w.veto) AS differs
  FROM (SELECT * FROM link_vetoes WHERE order_id = ANY (chunk.order_ids)) v
  FULL JOIN (SELECT * FROM resolve_links(chunk.order_ids) WHERE outcome = 'veto') w
    ON w.order_id = v.order_id
) compared
