-- The parameters of the latest sets, each with the indicators of one of its orders.
SELECT s.parameters, example.indicator_breakdown
FROM strategy_snapshots s
LEFT JOIN LATERAL (
  SELECT indicator_breakdown FROM trade_strategy_link link WHERE link.snapshot_id = s.snapshot_id LIMIT 1
) example ON true
ORDER BY s.first_seen_at DESC, s.snapshot_id LIMIT %(sets)s
