-- The activations that new runs leave no room for.
DELETE FROM strategy_activations a USING activation_changes c
WHERE a.strategy = c.strategy AND a.arm = c.arm AND a.activated_at = c.activated_at AND c.snapshot_id IS NULL
