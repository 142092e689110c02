-- Every link against what the keys and signals say. Returns how many rows there are, and the ids of those
-- that differ.
SELECT count(*) AS rows, array_agg(order_id ORDER BY order_id) FILTER (WHERE differs) AS offenders
FROM order_chunks chunk
CROSS JOIN LATERAL (
  SELECT coalesce(l.order_id, w.order_id) AS order_id,
         (l.bot_id, l.client_order_id, l.meaning, l.snapshot_id, l.buy_score, l.sell_score, l.trigger_type,
          l.indicators_fired, l.indicator_breakdown, l.arm, l.origin, l.signalled_at, l.signal_price, l.method)
         IS DISTINCT FROM
         (w.bot_id, w.client_order_id, w.meaning, w.snapshot_id, w.buy_score, w.sell_score, w.trigger_type,
          w.indicators_fired, w.indicator_breakdown, w.arm, w.origin, w.signalled_at, w.signal_price, w.method)
           AS differs
  FROM (SELECT * FROM trade_strategy_link WHERE order_id = ANY (chunk.order_ids)) l
  FULL JOIN (SELECT * FROM resolve_links(chunk.order_ids) WHERE outcome = 'link') w
    ON w.order_id = l.order_id
) compared
