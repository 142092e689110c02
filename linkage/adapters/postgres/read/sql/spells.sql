-- When each set of some strategies was in force, until a moment at most.
SELECT snapshot_id, strategy, arm, activated_at AS start,
       least(coalesce(deactivated_at, %(end)s), %(end)s) AS "end"
FROM strategy_activations
WHERE strategy = ANY (%(strategies)s::text[] COLLATE "C") AND activated_at < %(end)s
ORDER BY activated_at, arm
