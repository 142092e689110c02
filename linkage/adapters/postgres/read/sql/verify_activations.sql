-- Every activation against the runs. Returns how many rows there are, and the ids of those that differ.
SELECT count(*) AS rows,
       array_agg(strategy || '/' || arm || ' ' || activated_at ORDER BY strategy, arm, activated_at)
         FILTER (WHERE (a.snapshot_id, a.deactivated_at) IS DISTINCT FROM (d.snapshot_id, d.deactivated_at))
         AS offenders
FROM strategy_activations a FULL JOIN derived_activations d USING (strategy, arm, activated_at)
