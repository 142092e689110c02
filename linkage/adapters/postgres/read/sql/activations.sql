-- The parameter sets that came into force in a window, latest first, each with the one before it on its arm.
SELECT a.activated_at AS at, a.strategy, a.arm, a.snapshot_id, snapshot.label, snapshot.parameters,
       before.snapshot_id AS before, before.label AS before_label, before.parameters AS before_parameters
FROM strategy_activations a
JOIN strategy_snapshots snapshot USING (snapshot_id)
LEFT JOIN LATERAL (
  SELECT s.snapshot_id, s.label, s.parameters
  FROM strategy_activations earlier JOIN strategy_snapshots s USING (snapshot_id)
  WHERE earlier.strategy = a.strategy AND earlier.arm = a.arm AND earlier.activated_at < a.activated_at
  ORDER BY earlier.activated_at DESC LIMIT 1
) before ON true
WHERE a.activated_at >= %(start)s AND a.activated_at < %(end)s
ORDER BY a.activated_at DESC, a.strategy, a.arm LIMIT %(changes)s
