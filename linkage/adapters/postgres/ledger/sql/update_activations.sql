-- The activations that new runs give another snapshot or another end.
UPDATE strategy_activations a SET snapshot_id = c.snapshot_id, deactivated_at = c.deactivated_at
FROM activation_changes c
WHERE a.strategy = c.strategy AND a.arm = c.arm AND a.activated_at = c.activated_at
