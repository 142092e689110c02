-- The snapshot that an order is linked to.
SELECT snapshot.* FROM strategy_snapshots snapshot
JOIN trade_strategy_link link USING (snapshot_id)
WHERE link.order_id = %(order_id)s
