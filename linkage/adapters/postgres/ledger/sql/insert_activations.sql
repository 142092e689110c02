-- The activations that new runs begin.
INSERT INTO strategy_activations (strategy, arm, activated_at, snapshot_id, deactivated_at)
SELECT strategy, arm, activated_at, snapshot_id, deactivated_at FROM activation_changes
WHERE snapshot_id IS NOT NULL
ON CONFLICT (strategy, arm, activated_at) DO NOTHING
