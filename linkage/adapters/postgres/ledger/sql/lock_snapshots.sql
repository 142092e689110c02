-- The snapshots that got a new description, locked by key order: the next statement sees the descriptions of
-- whoever held them before.
SELECT count(*) FROM (
  SELECT FROM strategy_snapshots WHERE snapshot_id = ANY (current_setting('linkage.snapshots')::uuid[])
  ORDER BY snapshot_id FOR NO KEY UPDATE
) locked
