-- The latest episodes of some parameter sets that were closed before a moment and have a result. They are
-- found by the orders that are linked to these sets, which are fewer than all episodes.
SELECT * FROM observed_episodes e
WHERE e.snapshot_id = ANY (%(ids)s) AND e.closed_at < %(end)s AND NOT e.unpriced
  AND e.episode_id IN (
    SELECT a.episode_id FROM trade_strategy_link link
    JOIN fifo_allocations a ON a.entry_order_id = link.order_id
    WHERE link.snapshot_id = ANY (%(ids)s)
  )
ORDER BY e.closed_at DESC, e.episode_id LIMIT %(limit)s
