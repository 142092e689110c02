-- What episodes made after the set that was in force at an exit had come into force, by that set.
SELECT episode_id, snapshot_id, label, params_hash, min(split_at) AS opened_at,
       sum(value_at_split) AS entry_value, sum(pnl_after) AS net_pnl
FROM split_lots
WHERE episode_id = ANY (%(ids)s)
GROUP BY 1, 2, 3, 4 ORDER BY 1, 5, 2
