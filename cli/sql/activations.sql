-- Which snapshots came into force when, newest first, each with the parameters that it took over from.
SELECT a.strategy, a.arm, activated_at, deactivated_at, a.snapshot_id::text, s.label, s.parameters,
       previous.parameters AS before
FROM (SELECT *, lag(snapshot_id) OVER (PARTITION BY strategy, arm ORDER BY activated_at) AS before_id
      FROM strategy_activations) a
JOIN strategy_snapshots s USING (snapshot_id)
LEFT JOIN strategy_snapshots previous ON previous.snapshot_id = a.before_id
ORDER BY activated_at DESC, a.strategy, a.arm
