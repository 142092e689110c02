-- Some parameter sets, in the order in which they were first seen.
SELECT snapshot_id, label, strategy, parameters, first_seen_at
FROM strategy_snapshots
WHERE snapshot_id = ANY (%(ids)s)
ORDER BY first_seen_at, snapshot_id
