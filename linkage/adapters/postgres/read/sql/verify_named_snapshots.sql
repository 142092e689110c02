-- Every snapshot that a signal or a run names is there. Returns how many rows there are, and the ids of those
-- that differ.
SELECT count(*) AS rows,
       array_agg(snapshot_id::text ORDER BY snapshot_id)
         FILTER (WHERE NOT EXISTS (SELECT FROM strategy_snapshots s WHERE s.snapshot_id = named.snapshot_id))
         AS offenders
FROM (
  SELECT snapshot_id FROM strategy_signals WHERE snapshot_id IS NOT NULL
  UNION SELECT snapshot_id FROM strategy_runs
) named
