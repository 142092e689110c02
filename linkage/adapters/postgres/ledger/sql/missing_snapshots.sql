-- Which of these descriptions of snapshots, by number, are not in the ledger.
SELECT fact.number
FROM json_to_recordset(%(facts)s::json) AS fact (number integer, snapshot_id uuid, config_hash text)
WHERE NOT EXISTS (SELECT FROM snapshot_descriptions s WHERE s.snapshot_id = fact.snapshot_id
                  AND s.config_hash = fact.config_hash)
