-- Every snapshot against its descriptions. Returns how many rows there are, and the ids of those that differ.
SELECT count(*) AS rows,
       array_agg(snapshot_id::text ORDER BY snapshot_id) FILTER (WHERE differs) AS offenders
FROM (
  SELECT coalesce(s.snapshot_id, d.snapshot_id) AS snapshot_id,
         s.snapshot_id IS NULL
           OR (s.config_hash, s.params_hash, s.strategy, s.code_version, s.label, s.parameters)
              IS DISTINCT FROM
              (d.config_hash, d.params_hash, d.strategy, d.code_version, d.label, d.parameters) AS differs
  FROM strategy_snapshots s FULL JOIN described_snapshots d ON d.snapshot_id = s.snapshot_id
) compared
